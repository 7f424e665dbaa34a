/** Fetching of an exported file, so that the checked content is what runs. */

import {AnytimeError, reasonOf} from "./errors.js";
import {Manifest, sha256} from "./manifest.js";

/**
 * Fetches an exported file and its manifest, and checks them.
 *
 * @param {URL} url The address of the `.tflite` file; its manifest is beside
 *   it, with `.json` after the name.
 * @returns {Promise<{file: ArrayBuffer, manifest: Manifest}>}
 * @throws {AnytimeError} If one is missing, damaged, not an export of
 *   keras_anytime, or of a version that this page cannot run.
 */
export async function fetchExport(url) {
  const manifestUrl = new URL(url);
  manifestUrl.pathname += ".json";
  const [file, text] = await Promise.all([
    download(url, (response) => response.arrayBuffer()),
    download(manifestUrl, (response) => response.text()),
  ]);
  if (file === null) {
    throw new AnytimeError(`There is no exported network ${url}.`);
  }
  if (text === null) {
    throw new AnytimeError(
      `The manifest ${manifestUrl} is missing: the export wrote one, which ` +
      "must lie beside its file.");
  }
  const manifest = await Manifest.read(text, `The manifest ${manifestUrl}`);
  if (await sha256(file) !== manifest.fields.sha256) {
    throw new AnytimeError(
      `${url} is damaged: it is not the file that its manifest describes. ` +
      "Copy both again, or export the network again.");
  }
  return {file, manifest};
}

/**
 * @template T
 * @param {URL} url
 * @param {(response: Response) => Promise<T>} read
 * @returns {Promise<T | null>} Null if there is no such file.
 */
async function download(url, read) {
  let problem;
  let cause;
  try {
    // Files of one name change with each export; the checksum tells which
    // belong together, and a cache may hold one of before.
    const response = await fetch(url, {cache: "no-cache"});
    if (response.ok) return await read(response);
    if (response.status === 404) return null;
    problem = `its server answers ${response.status}`;
  } catch (error) {
    cause = error;
    problem = "it cannot be reached, or another site does not let this page " +
      `read it (${reasonOf(error)})`;
  }
  throw new AnytimeError(
    `${url} cannot be loaded: ${problem}. Check the address and its server.`,
    {cause});
}
