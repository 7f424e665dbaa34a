/** What cannot be opened is named in one sentence. */

import assert from "node:assert/strict";
import {readFile} from "node:fs/promises";
import {createServer} from "node:http";
import {test} from "node:test";

import {FILES, browser} from "./setup.mjs";

const made = await browser({"/empty": FILES});
const page = await made.open();

/** Loads a file; returns the name and the message of the error. */
async function load(file, options, modules = "/") {
  const {AnytimePredictor} = await import(`${modules}anytime.js`);
  try {
    (await AnytimePredictor.load(file, options ?? undefined)).close();
    return null;
  } catch (error) {
    return [error.name, error.message];
  }
}

const problem = (...given) => page.run(load, ...given);
const sentence = /^[^\n]{20,500}$/;

const DAMAGED = {
  truncated: /is damaged: it is not the file that its manifest describes/,
  flipped: /is damaged: it is not the file that its manifest describes/,
  version: /a format that this page does not read: .* Received: .* version 2$/,
  foreign: /a format that this page does not read: .* Received: "another"/,
  unknown_field: /is damaged: it has unknown fields \["another"\]\.$/,
  saved_model: /web pages run files of kind tflite, not "saved_model"/,
  temperatures: /is damaged: temperatures: \[1\] is not a list of 3\.$/,
  no_temperatures: /temperatures: -1 is not a number from 1e-30 to 1e\+30\.$/,
  thresholds: /is damaged: thresholds: 1\.5 is not a number from 0 to 1\.$/,
  few_names: /is damaged: class names must be 10, and are 2\.$/,
  product: /is damaged: product_answers: "false" is not true or false\.$/,
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
  for (const accelerator of ["webgpu", "webnn", "WASM", null, 1]) {
    const [kind, message] = await problem(
      "/files/digits.tflite", {accelerator});
    assert.equal(kind, "AnytimeError");
    assert.match(message, /^Steps run by WebAssembly, on the processor: leave /);
    assert.ok(message.endsWith(
      `Received: accelerator=${JSON.stringify(accelerator)}`), message);
  }
});

test("wrong arguments", async () => {
  const found = await page.run(async (text) => {
    const load = eval(`(${text})`);
    const file = "/files/digits.tflite";
    const blob = URL.createObjectURL(new Blob(["file"]));
    const circle = [1n];
    circle.push(circle);
    const files = [undefined, null, 5, "", {}, [file], Symbol("file"), () => {},
      "http://", "https://a:b/file", "http://[", blob, "data:,file",
      "about:blank", circle];
    const options = ["text", 5, [1], {wasmURL: "/"}, {wasmUrl: null},
      {wasmUrl: 5}, {wasmUrl: ""}, {wasmUrl: "http://["}, {wasmUrl: blob},
      {wasmUrl: {}}];
    return [
      await Promise.all(files.map((value) => load(value))),
      await Promise.all(options.map((value) => load(file, value))),
    ];
  }, `${load}`);
  for (const [kind, message] of found[0]) {
    assert.equal(kind, "AnytimeError");
    assert.match(message, sentence);
    assert.match(message, /^`fileUrl` must be the address of an exported /);
    assert.match(message, /Received: fileUrl=/);
  }
  for (const [kind, message] of found[1]) {
    assert.equal(kind, "AnytimeError");
    assert.match(message, sentence);
    assert.match(message, /^`(load` takes the options|wasmUrl` must be )/);
    assert.match(message, /Received: /);
  }
});

test("addresses are of text or URL, with or without a slash", async () => {
  for (const wasmUrl of ["/node_modules/@litertjs/core/wasm",
    "/node_modules/@litertjs/core/wasm/", "../node_modules/@litertjs/core/wasm"
  ]) {
    assert.equal(
      await problem("../files/digits.tflite?of=today", {wasmUrl}), null);
  }
  assert.equal(await page.run((text) => eval(`(${text})`)(
    new URL("/files/digits.tflite", location.href)), `${load}`), null);
});

test("servers that do not answer, or not to this page", async () => {
  const other = await made.serve({});
  for (const [address, pattern] of [
    // A port to which browsers do not connect.
    ["http://127.0.0.1:1/a.tflite", /cannot be reached, or another site does/],
    // Another site, which does not allow it.
    [`${other}files/digits.tflite`, /cannot be reached, or another site does/],
    ["http://user:word@127.0.0.1/a.tflite", /cannot be loaded: it cannot be/],
  ]) {
    const [kind, message] = await problem(address);
    assert.equal(kind, "AnytimeError");
    assert.match(message, sentence);
    assert.match(message, pattern);
    assert.ok(message.startsWith(address), message);
    assert.match(message, /Check the address and its server\.$/);
  }
});

/** Loads in a page of its own, with other modules or after a change of it. */
async function problemElsewhere(folders, modules = "/", change = () => {}) {
  const other = await made.open(
    new URL("tests/page.html", await made.serve(folders)).href);
  await other.run(change);
  const found = await other.run(
    load, "/files/digits.tflite",
    {wasmUrl: "/node_modules/@litertjs/core/wasm/"}, modules);
  await other.close();
  return found;
}

test("modules of the worker that are missing", async () => {
  for (const [name, pattern] of [
    ["worker.js", /^The worker that runs the steps cannot be loaded: /],
    ["programs.js", /^A module beside worker\.js cannot be loaded: copy all/],
  ]) {
    const [kind, message] = await problemElsewhere(
      {[`/${name}`]: FILES + "/nowhere"});
    assert.equal(kind, "AnytimeError");
    assert.match(message, sentence);
    assert.match(message, pattern);
    assert.ok(message.includes(`/${name}`), message);
  }
});

test("a page that forbids workers", async () => {
  const [kind, message] = await problemElsewhere({}, "/", () => {
    const rule = document.createElement("meta");
    rule.httpEquiv = "Content-Security-Policy";
    rule.content = "worker-src 'none'";
    document.head.append(rule);
  });
  assert.equal(kind, "AnytimeError");
  assert.match(message, sentence);
  assert.match(message, /Content-Security-Policy must allow workers/);
});

test("modules of another site", async () => {
  // One that lets pages of others load modules.
  const server = createServer(async (request, response) => {
    const file = new URL(`../../tools/browser${request.url}`, import.meta.url);
    response.writeHead(200, {
      "content-type": "text/javascript",
      "access-control-allow-origin": "*",
      "cross-origin-resource-policy": "cross-origin",
    }).end(await readFile(file));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const address = `http://127.0.0.1:${server.address().port}/`;
  const [kind, message] = await problemElsewhere({}, address);
  server.close();
  server.closeAllConnections();
  assert.equal(kind, "AnytimeError");
  assert.match(message, sentence);
  assert.match(message, /^The browser starts no worker, .* own server/);
  assert.ok(message.includes(`Received: ${address}worker.js`), message);
});

test("a browser without WebAssembly", async () => {
  const [kind, message] = await problemElsewhere({}, "/", () => {
    delete globalThis.WebAssembly;
  });
  assert.equal(kind, "AnytimeError");
  assert.match(message, /^This browser has no WebAssembly/);
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
