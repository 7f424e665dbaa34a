/** The page of docs/browser.md, laid out on a server as it says. */

import assert from "node:assert/strict";
import {copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync}
  from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {test} from "node:test";
import {fileURLToPath} from "node:url";

import {FILES, browser} from "./setup.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const made = await browser();

test("the page in ten lines answers", async () => {
  const text = readFileSync(path("../../docs/browser.md"), "utf8");
  const [, block] = /```html\n([^]*?)```/.exec(text);
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  writeFileSync(join(folder, "index.html"),
    `<!doctype html><link rel="icon" href="data:,">\n${block}`);
  for (const ending of ["", ".json"]) {
    copyFileSync(`${FILES}/photos.tflite${ending}`,
      join(folder, `anytime.tflite${ending}`));
  }
  const page = await made.open(await made.serve({
    "/": folder,
    "/browser": path("../../tools/browser/"),
    // Only what the page names is there.
    "/browser/node_modules": join(folder, "nowhere"),
    "/litertjs/wasm": path(
      "../../tools/browser/node_modules/@litertjs/core/wasm"),
  }));
  await page.until(() => document.querySelector("output").textContent);
  assert.match(await page.run(() =>
    document.querySelector("output").textContent), /^[a-z]+, \d+% sure$/);
  assert.deepEqual(page.errors, []);
  await page.close();
  rmSync(folder, {recursive: true});
});
