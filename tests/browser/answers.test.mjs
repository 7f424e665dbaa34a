/** Answers in a browser are those of Python. */

import assert from "node:assert/strict";
import {before, describe, test} from "node:test";

import {browser, references} from "./setup.mjs";

const made = browser();
const wanted = references();

/** Answers all examples of a file, stage by stage; runs in the page. */
async function answersOf(name, inputs) {
  const {AnytimePredictor} = await import("/anytime.js");
  const predictor = await AnytimePredictor.load(`/files/${name}.tflite`);
  const {fields, inputSpecs} = predictor.manifest;
  const names = Object.keys(inputs);
  const kind = (input) => inputSpecs[input].quantization
    ? "float32" : inputSpecs[input].dtype;
  const arrays = {
    float32: Float32Array, uint8: Uint8Array, int32: Int32Array,
  };
  const plain = (values) => values === null ? null : ArrayBuffer.isView(values)
    ? [...values] : Object.fromEntries(
      Object.entries(values).map(([key, array]) => [key, [...array]]));
  const runs = [];
  const decided = [];
  for (const at of inputs[names[0]].keys()) {
    const example = Object.fromEntries(names.map((input) =>
      [input, arrays[kind(input)].from(inputs[input][at])]));
    const given = names.length > 1 ? example : example[names[0]];
    const run = [];
    for await (const result of predictor.stream(given)) {
      run.push({
        stage: result.stage,
        logits: plain(result.logits),
        probabilities: plain(result.probabilities),
        confidence: result.confidence,
        elapsedMs: result.elapsedMs,
      });
    }
    runs.push(run);
    if (fields.thresholds) {
      const sure = await predictor.predict(given, {confidence: "manifest"});
      decided.push(sure.stage);
    }
  }
  predictor.close();
  return {runs, fields, decided};
}

const found = {};
describe("answers", () => {
  let page;
  before(async () => {
    page = await made.open();
    for (const [name, {inputs}] of Object.entries(wanted)) {
      found[name] = await page.run(answersOf, name, inputs);
    }
  });

  for (const name of Object.keys(wanted)) {
    test(`logits of ${name}`, () => {
      const tolerance = name.endsWith("_int8") ? 0 : 1e-5;
      let largest = 0;
      for (const [at, run] of found[name].runs.entries()) {
        assert.equal(run.length, wanted[name].logits[at].length);
        for (const [index, {logits}] of run.entries()) {
          const reference = wanted[name].logits[at][index];
          const pairs = Array.isArray(reference) ? [[logits, reference]]
            : Object.keys(reference).map((set) => [logits[set], reference[set]]);
          for (const [got, want] of pairs) {
            assert.equal(got.length, want.length);
            got.forEach((value, i) => {
              const scale = Math.max(1, ...want.map(Math.abs));
              largest = Math.max(largest, Math.abs(value - want[i]) / scale);
            });
          }
        }
      }
      console.log(name, largest, JSON.stringify(found[name].runs[3]?.[1]).slice(0, 200), JSON.stringify(wanted[name].logits[3]?.[1]).slice(0, 80));
      assert.ok(largest <= tolerance, `they differ by ${largest}`);
    });
  }
});
