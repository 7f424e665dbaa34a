/** What cannot be opened is named in one sentence. */

import assert from "node:assert/strict";
import {test} from "node:test";

import {FILES, browser} from "./setup.mjs";

const made = await browser({"/empty": FILES});
const page = await made.open();

/** Loads a file; returns the name and the message of the error. */
const problem = (...given) => page.run(async (file, options) => {
  const {AnytimePredictor} = await import("/anytime.js");
  try {
    (await AnytimePredictor.load(file, options)).close();
    return null;
  } catch (error) {
    return [error.name, error.message];
  }
}, ...given);

const DAMAGED = {
  truncated: /is damaged: it is not the file that its manifest describes/,
  flipped: /is damaged: it is not the file that its manifest describes/,
  version: /a format that this page does not read: .* Received: .* version 2$/,
  foreign: /a format that this page does not read: .* Received: "another"/,
  unknown_field: /is damaged: it has unknown fields \["another"\]\.$/,
  saved_model: /web pages run files of kind tflite, not "saved_model"/,
  temperatures: /temperatures must be 3 finite numbers above 0/,
  no_temperatures: /temperatures must be 3 finite numbers above 0/,
  thresholds: /thresholds must be 2 numbers from 0 to 1/,
  few_names: /class names must be 10 texts/,
  product: /product_answers must be true or false/,
  changed_field: /its checksum does not match its fields/,
  no_manifest: /The manifest .* is missing/,
  no_file: /^There is no exported network .*no_file\.tflite\.$/,
  no_json: /is not a manifest of keras_anytime\.$/,
  no_network: /cannot be opened; it is damaged/,
  another_network: /The file is not that of its manifest/,
};
for (const [name, pattern] of Object.entries(DAMAGED)) {
  test(name, async () => {
    const [kind, message] = await problem(`/files/damaged/${name}.tflite`);
    assert.equal(kind, "AnytimeError");
    assert.match(message, pattern);
  });
}

test("missing wasm", async () => {
  for (const wasmUrl of ["/nowhere", "/empty/", "/tests/page.html"]) {
    const [kind, message] = await problem("/files/digits.tflite", {wasmUrl});
    assert.equal(kind, "AnytimeError");
    assert.match(message, /^LiteRT is missing: `wasmUrl` must be the folder/);
  }
  // A later try finds it.
  assert.equal(await problem("/files/digits.tflite"), null);
});

test("another accelerator", async () => {
  const [kind, message] = await problem(
    "/files/digits.tflite", {accelerator: "tpu"});
  assert.equal(kind, "AnytimeError");
  assert.match(message, /Received: accelerator="tpu"$/);
});

test("nothing is left running, and nothing else is complained about",
  async () => {
    let workers;
    // A worker takes a moment to end.
    for (let tries = 0; tries < 100 && workers?.length !== 0; tries += 1) {
      const {targetInfos} = await made.chromium.send("Target.getTargets");
      workers = targetInfos.filter(({type}) => type === "worker");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(workers, []);
    assert.deepEqual(page.errors, []);
  });
