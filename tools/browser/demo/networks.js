/** The networks of the page, each loaded when it is first asked for. */

import {AnytimePredictor} from "../anytime.js";

const FILES = {
  digits: "networks/digits/anytime.tflite",
  photos: "networks/photos.tflite",
};
const CALIBRATION_RUNS = 50;

/** @typedef {keyof typeof FILES} Kind */

/** @type {Partial<Record<Kind, Promise<AnytimePredictor>>>} */
const predictors = {};

/**
 * Returns the network for a kind of pictures, measured on this device.
 *
 * @param {Kind} kind
 * @returns {Promise<AnytimePredictor>}
 */
export function predictorOf(kind) {
  const before = predictors[kind];
  if (before) return before;
  const opened = open(FILES[kind]);
  predictors[kind] = opened;
  // A network that could not be loaded is tried again when next asked for.
  opened.catch(() => {
    if (predictors[kind] === opened) delete predictors[kind];
  });
  return opened;
}

/**
 * Closes a network that failed; it is loaded again when next asked for.
 *
 * @param {Kind} kind
 */
export function forget(kind) {
  predictors[kind]?.then((predictor) => predictor.close(), () => {});
  delete predictors[kind];
}

/**
 * Measures how long the stages take on this device.
 *
 * @param {AnytimePredictor} predictor
 */
export async function measure(predictor) {
  await predictor.calibrate(CALIBRATION_RUNS);
}

/**
 * Returns digits that somebody wrote, which lie beside the network; the page
 * does without those that are not there.
 *
 * @returns {Promise<{digit: number, dots: ImageData}[]>}
 */
export async function sampleDigits() {
  const digits = await Promise.all([...Array(10).keys()].map(async (digit) => {
    try {
      const response = await fetch(`networks/digits/digits/${digit}.pgm`);
      if (!response.ok) return null;
      const bytes = new Uint8Array(await response.arrayBuffer());
      return {digit, dots: imageOf(bytes)};
    } catch {
      return null;
    }
  }));
  return digits.filter((sample) => sample !== null);
}

/** @param {string} file */
async function open(file) {
  const predictor = await AnytimePredictor.load(file);
  try {
    await measure(predictor);
  } catch (error) {
    predictor.close();
    throw error;
  }
  return predictor;
}

/**
 * Reads a gray picture of the format PGM.
 *
 * @param {Uint8Array} bytes
 * @returns {ImageData}
 * @throws {DOMException} If it is none.
 */
function imageOf(bytes) {
  const header = new TextDecoder("latin1").decode(bytes.subarray(0, 40));
  const [start, width, height] =
    /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(header) ?? ["", "0", "0"];
  const image = new ImageData(Number(width), Number(height));
  bytes.subarray(start.length).forEach((gray, at) => {
    image.data.set([gray, gray, gray, 255], 4 * at);
  });
  return image;
}
