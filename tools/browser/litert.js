/** LiteRT.js: the WebAssembly that runs `.tflite` files in browsers. */

import {AnytimeError, reasonOf} from "./errors.js";

/**
 * @typedef {{script: string, module: WebAssembly.Module}} Runtime The address
 *   of the script that starts LiteRT, and its compiled program.
 */

// (module (func (result v128) i32.const 1 i8x16.splat i32.const 2 i8x16.splat
//   i8x16.relaxed_swizzle))
const RELAXED_SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1,
  13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11);

/** @type {Map<string, Promise<Runtime>>} */
const runtimes = new Map();

/**
 * Loads LiteRT from a folder; each folder once, because compiling takes long.
 *
 * @param {URL} folder The folder `wasm/` of the npm package `@litertjs/core`.
 * @returns {Promise<Runtime>}
 * @throws {AnytimeError} If it is not there, or the browser cannot run it.
 */
export async function loadRuntime(folder) {
  if (!globalThis.WebAssembly) {
    throw new AnytimeError(
      "This browser has no WebAssembly, which runs the steps: some switch it " +
      "off for pages that are not trusted.");
  }
  const name = WebAssembly.validate(RELAXED_SIMD)
    ? "litert_wasm_internal" : "litert_wasm_compat_internal";
  const address = new URL(name, folder).href;
  const runtime = runtimes.get(address) ?? load(address);
  runtimes.set(address, runtime);
  runtime.catch(() => runtimes.delete(address));
  return runtime;
}

/**
 * @param {string} address Without the ending.
 * @returns {Promise<Runtime>}
 */
async function load(address) {
  const wasm = `${address}.wasm`;
  try {
    const response = await fetch(wasm);
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    const type = response.headers.get("content-type") ?? "";
    const module = await (type.startsWith("application/wasm")
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()));
    return {script: `${address}.js`, module};
  } catch (error) {
    throw new AnytimeError(
      `LiteRT is missing: \`wasmUrl\` must be the folder wasm/ of the npm ` +
      `package @litertjs/core, and ${wasm} cannot be loaded ` +
      `(${reasonOf(error)}).`, {cause: error});
  }
}
