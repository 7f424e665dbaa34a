/** Arguments of calls, which are checked before work starts. */

import {AnytimeError, shown} from "./errors.js";

/**
 * Returns the options of a call, after a look at their names.
 *
 * @template {object} T
 * @param {string} call The name of the call.
 * @param {T} options
 * @param {string[]} names Those that the call takes.
 * @returns {T}
 */
export function optionsOf(call, options, names) {
  // A number has no keys, and would be taken for no options.
  if (typeof options !== "object" || options === null ||
      Object.keys(options).some((name) => !names.includes(name))) {
    const listed = names.map((name) => `\`${name}\``).join(" and ");
    throw new AnytimeError(
      `\`${call}\` takes the options ${listed}, in a record. ` +
      `Received: ${shown(options)}`);
  }
  return options;
}

/**
 * Returns the whole address that an argument means.
 *
 * @param {string} name The name of the argument.
 * @param {string | URL} value An address, or one relative to the page.
 * @param {string} wanted What is at the address.
 * @returns {URL}
 */
export function addressOf(name, value, wanted) {
  let url = null;
  if (value instanceof URL || (typeof value === "string" && value)) {
    const page = globalThis.document?.baseURI ?? globalThis.location?.href;
    try {
      url = new URL(value, page);
    } catch {
      // Said below.
    }
  }
  // Nothing is beside what `blob:` and `data:` name, nor within it.
  if (!url?.pathname.startsWith("/")) {
    throw new AnytimeError(
      `\`${name}\` must be the address of ${wanted}, whole or relative to ` +
      `the page. Received: ${name}=${shown(value)}`);
  }
  return url;
}
