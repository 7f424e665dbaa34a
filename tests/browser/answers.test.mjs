/** Answers in a browser are those of Python. */

import assert from "node:assert/strict";
import {test} from "node:test";

import {browser, references} from "./setup.mjs";

const made = await browser();
const wanted = references();
const found = {};

/** Answers all examples of a file, stage by stage; runs in the page. */
async function answersOf(name, {inputs, pixels}) {
  const {AnytimePredictor} = await import("/anytime.js");
  const predictor = await AnytimePredictor.load(`/files/${name}.tflite`);
  const {fields, inputSpecs} = predictor.manifest;
  const names = Object.keys(inputs);
  const arrays = {
    float32: Float32Array, uint8: Uint8Array, int32: Int32Array,
  };
  const arrayOf = (input) => arrays[
    inputSpecs[input].quantization ? "float32" : inputSpecs[input].dtype];
  const plain = (values) => values === null ? null : ArrayBuffer.isView(values)
    ? [...values] : Object.fromEntries(
      Object.entries(values).map(([key, array]) => [key, [...array]]));
  const runs = [];
  const decided = [];
  for (const at of inputs[names[0]].keys()) {
    const example = Object.fromEntries(names.map((input) =>
      [input, arrayOf(input).from(inputs[input][at])]));
    const given = names.length > 1 ? example : example[names[0]];
    const run = [];
    for await (const result of predictor.stream(given)) {
      const ranked = !["regression", "segmentation"].includes(fields.task);
      run.push({
        stage: result.stage,
        logits: plain(result.logits),
        probabilities: plain(result.probabilities),
        confidence: result.confidence,
        top: ranked ? result.top(3) : null,
      });
    }
    runs.push(run);
    if (fields.thresholds) {
      const sure = await predictor.predict(given, {confidence: "manifest"});
      decided.push(sure.stage);
    }
  }
  const prepared = [];
  if (pixels) {
    const image = new ImageData(23, 37);
    image.data.forEach((_, at) => {
      image.data[at] = at % 4 === 3 ? 255
        : pixels[3 * Math.floor(at / 4) + (at % 4)];
    });
    const canvas = new OffscreenCanvas(23, 37);
    canvas.getContext("2d").putImageData(image, 0, 0);
    prepared.push(...[image, canvas, await createImageBitmap(image)]
      .map((source) => [...predictor.prepare(source)]));
  }
  predictor.close();
  return {runs, fields, decided, prepared};
}

const page = await made.open();
for (const [name, reference] of Object.entries(wanted)) {
  found[name] = await page.run(answersOf, name, reference);
}

/** Pairs of values here and in Python, with the greatest one's size. */
function* pairs(got, want) {
  if (!Array.isArray(want)) {
    for (const name of Object.keys(want)) yield* pairs(got[name], want[name]);
    return;
  }
  assert.equal(got.length, want.length);
  const size = Math.max(1, ...want.map(Math.abs));
  for (const [at, value] of got.entries()) yield [value, want[at], size];
}

for (const name of Object.keys(wanted)) {
  test(`logits of ${name}`, (context) => {
    const tolerance = name.endsWith("_int8") ? 0 : 1e-5;
    let largest = 0;
    for (const [at, run] of found[name].runs.entries()) {
      assert.equal(run.length, wanted[name].logits[at].length);
      for (const [index, {logits, stage}] of run.entries()) {
        assert.equal(stage, index + 1);
        const want = wanted[name].logits[at][index];
        for (const [got, value, size] of pairs(logits, want)) {
          const difference = Math.abs(got - value) / size;
          assert.ok(difference <= tolerance, `${got} is not ${value}`);
          largest = Math.max(largest, difference);
        }
      }
    }
    context.diagnostic(`the largest difference is ${largest}`);
  });
}

test("images are prepared as in Python", () => {
  for (const [name, {prepared}] of Object.entries(wanted)) {
    for (const image of found[name].prepared) {
      assert.deepEqual(image, prepared, name);
    }
  }
  assert.equal(found.photos.prepared.length, 3);
  assert.equal(found.color.prepared.length, 3);
});

test("sure answers stop where they do in Python", () => {
  assert.deepEqual(found.photos.decided, wanted.photos.decided);
  // The thresholds tell images apart.
  assert.ok(new Set(found.photos.decided).size > 1);
});

const close = (got, want) => assert.ok(
  Math.abs(got - want) <= 1e-9, `${got} is not ${want}`);
const sum = (values) => values.reduce((total, value) => total + value, 0);
const softmax = (logits) => {
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  return powers.map((power) => power / sum(powers));
};

test("probabilities are those of logits over temperatures", () => {
  for (const name of ["digits", "photos", "no_steps", "ensemble"]) {
    const {runs, fields} = found[name];
    for (const run of runs) {
      for (const [index, answer] of run.entries()) {
        const temperature = fields.temperatures?.[index] ?? 1;
        const want = softmax(
          answer.logits.map((logit) => logit / temperature));
        answer.probabilities.forEach((value, at) => close(value, want[at]));
        close(answer.confidence, Math.max(...want));
        const order = want.map((value, at) => [at, value])
          .sort((a, b) => b[1] - a[1]);
        assert.deepEqual(answer.top.map((entry) => entry.index),
          order.slice(0, 3).map(([at]) => at));
        const names = fields.class_names ?? order.map((_, at) => String(at));
        assert.equal(answer.top[0].name, names[order[0][0]]);
      }
    }
  }
});

test("product answers are products", () => {
  let alone = 0;
  for (const run of found.products.runs) {
    const products = Array(10).fill(1);
    for (const answer of run) {
      answer.logits.forEach((logit, at) => {
        products[at] *= Math.max(logit, 0);
      });
      const total = sum(products);
      const want = total > 0 ? products.map((product) => product / total)
        : softmax(answer.logits);
      alone += total > 0 ? 0 : 1;
      answer.probabilities.forEach((value, at) => close(value, want[at]));
      close(answer.confidence, Math.max(...want));
    }
    const left = run.map(({probabilities}) =>
      probabilities.filter((probability) => probability > 0).length);
    assert.deepEqual(left, [...left].sort((a, b) => b - a));
  }
  assert.equal(alone, 0);
});

test("other tasks have their confidences", () => {
  const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
  const [answer] = found.tokens.runs[0];  // Several labels.
  answer.logits.forEach((logit, at) =>
    close(answer.probabilities[at], sigmoid(logit)));
  close(answer.confidence, Math.min(
    ...answer.logits.map((logit) => sigmoid(Math.abs(logit)))));
  const [yes] = found.table.runs[0];  // Yes or no.
  close(yes.probabilities[0], sigmoid(yes.logits[0]));
  close(yes.confidence, sigmoid(Math.abs(yes.logits[0])));
  assert.deepEqual(new Set(yes.top.map(({name}) => name)),
    new Set(["no", "yes"]));
  close(sum(yes.top.map(({probability}) => probability)), 1);
  const [number] = found.series.runs[0];  // A regression.
  assert.equal(number.probabilities, null);
  assert.equal(number.confidence, null);
  const [map] = found.segmentation.runs[0];
  const largest = Array.from({length: 64}, (_, at) =>
    Math.max(...softmax(map.logits.slice(3 * at, 3 * at + 3))));
  close(map.confidence, sum(largest) / 64);
  const [sets] = found.label_sets.runs[0];
  const fine = softmax(sets.logits.fine);
  sets.probabilities.fine.forEach((value, at) => close(value, fine[at]));
  close(sets.confidence, Math.max(...fine));
  close(sum(sets.probabilities.coarse), 1);
});
