/** Manifests: what Python refuses, a page refuses, and checksums agree. */

import assert from "node:assert/strict";
import {test} from "node:test";

import {browser} from "./setup.mjs";

const made = await browser();
const page = await made.open();

test("JSON has the checksum that Python gives it", async () => {
  const [count, wrong] = await page.run(async () => {
    const [{canonicalJson}, {sha256}] = await Promise.all(
      [import("/canonical_json.js"), import("/manifest.js")]);
    const cases = await (await fetch("/files/canonical.json")).json();
    const wrong = [];
    for (const [text, checksum] of cases) {
      const bytes = new TextEncoder().encode(canonicalJson(text));
      if (await sha256(bytes) !== checksum) wrong.push(text);
    }
    return [cases.length, wrong.slice(0, 3)];
  });
  assert.deepEqual(wrong, []);
  assert.ok(count >= 500);
});

/**
 * Reads each changed manifest; returns those at which the page differs from
 * Python, and how many both refuse; runs in the page.
 */
async function differences() {
  const [{canonicalJson}, {Manifest, sha256}] = await Promise.all(
    [import("/canonical_json.js"), import("/manifest.js")]);
  const {bases, changes} = await (await fetch("/files/manifests.json")).json();
  // What only pages need.
  const ownRules = /web pages run|class names must be|reads the inputs/;
  const found = [];
  const counts = {refused: 0, taken: 0, own: 0};
  for (const [name, place, value, refused] of changes) {
    const fields = structuredClone(
      {format: "keras_anytime", format_version: 1, ...bases[name]});
    let container = fields;
    for (const key of place.slice(0, -1)) container = container[key];
    const last = place.at(-1);
    if (value !== null) {
      container[last] = "the value";
    } else if (Array.isArray(container)) {
      container.splice(last, 1);
    } else {
      delete container[last];
    }
    // A value such as 1e400 would not outlast being read and written.
    const text = JSON.stringify(fields)
      .replace('"the value"', () => value);
    const checksum = await sha256(
      new TextEncoder().encode(canonicalJson(text)));
    let error = null;
    try {
      await Manifest.read(
        text.replace("{", `{"checksum": "${checksum}",`), "The manifest");
    } catch (thrown) {
      error = thrown;
    }
    const isClear = error === null || (error.name === "AnytimeError" &&
      /^The manifest is (damaged|not a manifest).*\.$/.test(error.message) &&
      !error.message.includes("checksum does not"));
    const own = !refused && ownRules.test(error?.message);
    if (!isClear || (refused !== (error !== null) && !own)) {
      found.push([name, place.join("."), value, refused, String(error)]);
    }
    counts[refused ? "refused" : own ? "own" : "taken"] += 1;
  }
  return [found.length, found.slice(0, 20), counts];
}

test("what Python refuses, and nothing else, a page refuses",
  async (context) => {
    const [count, found, counts] = await page.run(differences);
    context.diagnostic(JSON.stringify(counts));
    assert.deepEqual(found, []);
    assert.equal(count, 0);
    assert.ok(counts.refused > 1000 && counts.taken > 50);
  });

test("texts that are no manifests are refused in one sentence", async () => {
  const messages = await page.run(async () => {
    const {Manifest} = await import("/manifest.js");
    const deep = (depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const texts = [
      "", "{", "[]", "{}", "null", "3", '"format"', '{"format": NaN}',
      deep(1e6), `{"format": ${deep(1e6)}, "format": "keras_anytime"}`,
      '{"__proto__": {"format": "keras_anytime"}}', " ".repeat(5e6),
    ];
    const found = [];
    for (const text of texts) {
      found.push(await Manifest.read(text, "The text")
        .then(() => "read", (error) => `${error.name}: ${error.message}`));
    }
    return found;
  });
  for (const message of messages) {
    assert.match(message,
      /^AnytimeError: The text is (not a manifest of|larger than) [^\n]*$/);
  }
  assert.match(messages.at(-1), /Received: 5000000 bytes$/);
});
