/** A browser and a server for the tests of a file. */

import {readFileSync} from "node:fs";
import {after, before} from "node:test";
import {fileURLToPath} from "node:url";

import {serve} from "../../tools/browser/serve.js";
import {Chromium} from "./chromium.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The folder of exported files; see exported_files.py. */
export const FILES = process.env.ANYTIME_FILES;

/**
 * Starts both before the tests of a file, and ends them after.
 *
 * @param {Record<string, string>} [folders] Further ones that are served.
 */
export function browser(folders = {}) {
  const made = {};
  before(async () => {
    made.server = await serve({
      "/": path("../../tools/browser/"),
      "/files": FILES,
      "/tests": path("./"),
      ...folders,
    });
    made.url = `http://127.0.0.1:${made.server.address().port}/`;
    made.chromium = await Chromium.launch();
    made.open = (address = "tests/page.html", size) =>
      made.chromium.open(new URL(address, made.url).href, size);
  });
  after(async () => {
    await made.chromium?.close();
    made.server?.close();
    made.server?.closeAllConnections();
  });
  return made;
}

/** Returns examples and Python's answers to them, by the names of files. */
export function references() {
  return JSON.parse(readFileSync(`${FILES}/references.json`, "utf8"));
}
