/** A browser and a server for the tests of a file. */

import {readFileSync} from "node:fs";
import {after} from "node:test";
import {fileURLToPath} from "node:url";

import {serve} from "../../tools/browser/serve.js";
import {Chromium} from "./chromium.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The folder of exported files; see exported_files.py. */
export const FILES = process.env.ANYTIME_FILES;

/**
 * Starts both for the tests of a file, and ends them after.
 *
 * @param {Record<string, string>} [folders] Further ones that are served.
 */
export async function browser(folders = {}) {
  const servers = [];
  const serveThem = async (others) => {
    const server = await serve({
      "/": path("../../tools/browser/"),
      "/files": FILES,
      "/tests": path("./"),
      ...others,
    });
    servers.push(server);
    return `http://127.0.0.1:${server.address().port}/`;
  };
  const url = await serveThem(folders);
  const chromium = await Chromium.launch();
  after(async () => {
    await chromium.close();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });
  const open = (address = "tests/page.html", size = {}) =>
    chromium.open(new URL(address, url).href, size);
  return {chromium, open, serve: serveThem};
}

/** Returns examples and Python's answers to them, by the names of files. */
export function references() {
  return JSON.parse(readFileSync(`${FILES}/references.json`, "utf8"));
}

/** Chooses a file that is no picture; runs in the demo page. */
export function giveNoPicture() {
  const transfer = new DataTransfer();
  transfer.items.add(new File(["no picture"], "notes.txt"));
  const input = document.getElementById("file");
  input.files = transfer.files;
  input.dispatchEvent(new Event("change"));
}
