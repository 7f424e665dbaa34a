/**
 * Serves folders on this computer's own address, for browsers on it alone.
 *
 *     node serve.js [--port=8000] /=FOLDER [/networks=FOLDER ...]
 */

import {createReadStream} from "node:fs";
import {stat} from "node:fs/promises";
import {createServer} from "node:http";
import {extname, join, normalize, resolve, sep} from "node:path";
import {fileURLToPath} from "node:url";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/**
 * Starts a server on the loopback address.
 *
 * @param {Record<string, string>} folders From the beginnings of addresses,
 *   such as `/networks`, to folders; the longest beginning counts.
 * @param {number} [port] 0 takes a free one.
 * @returns {Promise<import("node:http").Server>}
 */
export function serve(folders, port = 0) {
  const server = createServer((request, response) => {
    answer(folders, request, response).catch(() => {
      response.writeHead(404).end("There is no such file.\n");
    });
  });
  return new Promise((done, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", () => done(server));
  });
}

/**
 * @param {Record<string, string>} folders
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function answer(folders, request, response) {
  const path = decodeURIComponent(
    new URL(request.url ?? "/", "http://localhost").pathname);
  const beginnings = Object.keys(folders).sort((a, b) => b.length - a.length);
  const beginning = beginnings.find((start) => path.startsWith(start));
  const folder = resolve(folders[/** @type {string} */ (beginning)]);
  let file = normalize(join(folder, path.slice(beginning?.length)));
  if (file !== folder && !file.startsWith(folder + sep)) throw new Error(path);
  let found = await stat(file);
  if (found.isDirectory()) {
    file = join(file, "index.html");
    found = await stat(file);
  }
  response.writeHead(200, {
    "content-type":
      TYPES[/** @type {keyof TYPES} */ (extname(file))] ??
      "application/octet-stream",
    "content-length": found.size,
    "cache-control": "no-cache",
    // Pages that are isolated from others get a precise clock.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  });
  if (request.method === "HEAD") {
    response.end();
  } else {
    createReadStream(file).pipe(response);
  }
}

/** @param {string[]} options */
async function main(options) {
  const port = options.find((option) => option.startsWith("--port="));
  const folders = Object.fromEntries(options
    .filter((option) => option.startsWith("/"))
    .map((option) => option.split("=", 2)));
  const server = await serve(folders, Number(port?.split("=")[1] ?? 8000));
  const address = /** @type {import("node:net").AddressInfo} */ (
    server.address());
  console.log(`The page is at http://127.0.0.1:${address.port}/`);
  console.log("Only this computer reaches it. Ctrl-C ends it.");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.code === "EADDRINUSE"
      ? "Another program uses this port: give another, such as --port=8001."
      : String(error));
    process.exitCode = 1;
  });
}
