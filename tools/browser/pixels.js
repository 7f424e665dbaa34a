/** Pixels of a page, and the image that an exported network takes. */

import {AnytimeError, shown} from "./errors.js";

/**
 * @typedef {import("./manifest.js").TensorSpec} TensorSpec
 * @typedef {import("./manifest.js").Preprocessing} Preprocessing
 * @typedef {ImageData | HTMLCanvasElement | OffscreenCanvas | ImageBitmap |
 *   HTMLImageElement | HTMLVideoElement} PixelSource
 */

/**
 * Converts pixels to an image that a network takes.
 *
 * The image is resized by nearest neighbor, which is fast but coarse. Color is
 * averaged for networks of gray images. What is transparent has its own color,
 * which is black where nothing was drawn.
 *
 * @param {PixelSource} source
 * @param {TensorSpec} spec The network's input.
 * @param {Preprocessing | null} preprocessing That of the manifest.
 * @returns {Float32Array | Uint8Array} Row by row, with the channels of a
 *   position beside each other.
 */
export function preparePixels(source, spec, preprocessing) {
  const [height, width, channels] = spec.shape.slice(1).map((size) => size ?? 1);
  if (channels !== 1 && channels !== 3) {
    throw new AnytimeError(
      "Pixels are gray or of three colors. " +
      `Received: a network for images of ${channels} channels`);
  }
  const image = imageData(source);
  const pixels = new Uint8Array(height * width * channels);
  let to = 0;
  for (let row = 0; row < height; row += 1) {
    const line = Math.floor((row * image.height) / height) * image.width;
    for (let column = 0; column < width; column += 1) {
      const from = 4 * (line + Math.floor((column * image.width) / width));
      const [red, green, blue] = image.data.subarray(from, from + 3);
      if (channels === 1) {
        pixels[to] = Math.round((red + green + blue) / 3);
      } else {
        pixels.set([red, green, blue], to);
      }
      to += channels;
    }
  }
  if (spec.dtype === "uint8" && spec.quantization === null) return pixels;
  const normalize = normalization(preprocessing);
  return Float32Array.from(pixels, (pixel, index) =>
    normalize(pixel, index % channels));
}

/**
 * Returns the function that normalizes pixels.
 *
 * @param {Preprocessing | null} preprocessing
 * @returns {(pixel: number, channel: number) => number}
 */
export function normalization(preprocessing) {
  const {scale, mean, std} = preprocessing ?? {};
  if (!scale || !mean || !std?.every((deviation) => deviation !== 0)) {
    throw new AnytimeError(
      "The network takes prepared images, and its manifest does not say how " +
      "pixels are prepared: export it with `preprocessing`, or with " +
      `\`pixels=True\`. Received: preprocessing=${shown(preprocessing)}`);
  }
  /** @param {number[]} values @param {number} channel */
  const of = (values, channel) => values[values.length === 1 ? 0 : channel];
  return (pixel, channel) =>
    (pixel / scale - of(mean, channel)) / of(std, channel);
}

/**
 * @param {any} source
 * @returns {ImageData}
 */
function imageData(source) {
  if (source instanceof ImageData) return source;
  const width = source?.videoWidth ?? source?.naturalWidth ?? source?.width;
  const height = source?.videoHeight ?? source?.naturalHeight ?? source?.height;
  if (!(width > 0 && height > 0)) {
    throw new AnytimeError(
      "Pixels are those of a canvas, ImageData, ImageBitmap, or a loaded " +
      `image or video. Received: ${shown(source)}`);
  }
  try {
    const canvas = new OffscreenCanvas(width, height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      canvas.getContext("2d", {willReadFrequently: true}));
    context.drawImage(source, 0, 0);
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    throw new AnytimeError(
      "The pixels of this picture cannot be read: it is of another site, or " +
      `of no kind that a canvas draws. Received: ${shown(source)}`,
      {cause: error});
  }
}
