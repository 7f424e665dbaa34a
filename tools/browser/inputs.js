/** Examples, and the tensors that an exported network takes. */

import {DTYPES, limitsOf, roundHalfToEven} from "./dtypes.js";
import {AnytimeError, shown} from "./errors.js";
import {normalization, preparePixels} from "./pixels.js";

/**
 * @typedef {import("./dtypes.js").TypedArray} TypedArray
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {import("./manifest.js").TensorSpec} TensorSpec
 * @typedef {TypedArray | Uint8ClampedArray | number[]} Values The values of one
 *   input, row by row.
 * @typedef {Values | Record<string, Values>} Example Of several inputs, a
 *   record from their names.
 */

/** The inputs of an exported network. */
export class Inputs {
  /** @param {Manifest} manifest */
  constructor(manifest) {
    this.#manifest = manifest;
    this.#specs = manifest.inputSpecs;
    for (const {name, dtype} of Object.values(this.#specs)) {
      if (!(dtype in DTYPES)) {
        throw new AnytimeError(
          "Web pages have no arrays for an input of the network. " +
          `Received: ${name} of type ${dtype}`);
      }
    }
  }

  #manifest;
  #specs;

  /**
   * Converts an example to what the programs take.
   *
   * @param {Example} example
   * @param {boolean} [checkLimits] Whether images must lie in the range of
   *   prepared ones.
   * @returns {Record<string, TypedArray>} Copies, of the file's types.
   */
  convert(example, checkLimits = true) {
    return Object.fromEntries(
      Object.entries(this.#named(example)).map(([name, values]) =>
        [name, this.#converted(this.#specs[name], values, checkLimits)]));
  }

  /** @returns {Record<string, TypedArray>} An example of zeros. */
  blank() {
    return Object.fromEntries(Object.values(this.#specs).map((spec) => {
      const {array} = DTYPES[takesFloats(spec) ? "float32" : spec.dtype];
      return [spec.name, new array(sizeOf(spec))];
    }));
  }

  /**
   * Converts pixels to an image; see `AnytimePredictor.prepare`.
   *
   * @param {import("./pixels.js").PixelSource} source
   * @returns {Float32Array | Uint8Array}
   */
  prepare(source) {
    const name = this.#manifest.imageInput;
    if (name === null) {
      throw new AnytimeError(
        "Pixels are prepared for the only input that takes images, and this " +
        `network has no such one. Received: a file with ${this.#listed()}`);
    }
    return preparePixels(
      source, this.#specs[name], this.#manifest.fields.preprocessing);
  }

  /**
   * @param {any} example
   * @returns {Record<string, Values>}
   */
  #named(example) {
    const names = Object.keys(this.#specs);
    if (ArrayBuffer.isView(example) || Array.isArray(example)) {
      if (names.length === 1) {
        return {[names[0]]: /** @type {any} */ (example)};
      }
    } else if (example && typeof example === "object" &&
               names.length === Object.keys(example).length &&
               names.every((name) => Object.hasOwn(example, name))) {
      return example;
    }
    throw new AnytimeError(
      (names.length > 1 ? "Give a record with the values of all inputs"
        : "Give the values of the input, as `prepare` makes them of pixels") +
      `: the network takes ${this.#listed()}. Received: ${shown(example)}`);
  }

  #listed() {
    return Object.values(this.#specs)
      .map((spec) => `${spec.name} (${spec.shape.slice(1).join(", ")})`)
      .join(" and ");
  }

  /**
   * @param {TensorSpec} spec
   * @param {any} values
   * @param {boolean} checkLimits
   * @returns {TypedArray}
   */
  #converted(spec, values, checkLimits) {
    const received = `Received: ${spec.name} as ${shown(values)}`;
    if (!(ArrayBuffer.isView(values) || Array.isArray(values)) ||
        /** @type {any} */ (values).length !== sizeOf(spec)) {
      throw new AnytimeError(
        `The network takes ${sizeOf(spec)} values, those of one example of ` +
        `shape (${spec.shape.slice(1).join(", ")}). ${received}`);
    }
    return takesFloats(spec)
      ? this.#floats(spec, values, checkLimits, received)
      : this.#integers(spec, /** @type {any} */ (values), received);
  }

  /**
   * Floats are never taken for integers, nor integers for floats: the network
   * would run, and its answers be wrong.
   *
   * @param {TensorSpec} spec
   * @param {any} values
   * @param {boolean} checkLimits
   * @param {string} received
   * @returns {TypedArray}
   */
  #floats(spec, values, checkLimits, received) {
    if (!(values instanceof Float32Array || values instanceof Float64Array ||
          Array.isArray(values))) {
      throw new AnytimeError(
        "The network takes floats: `prepare` makes them of pixels, and other " +
        `values are scaled as in training. ${received}`);
    }
    const limits = checkLimits ? this.#limits(spec) : null;
    const [lowest, highest] = limits ?? [-Infinity, Infinity];
    for (const value of values) {
      if (!Number.isFinite(value) || value < lowest || value > highest) {
        throw new AnytimeError(
          limits && Number.isFinite(value)
            ? "The network was not trained on such values: they lie within " +
              `${lowest.toPrecision(4)} to ${highest.toPrecision(4)}. ` +
              `\`prepare\` makes an image of pixels. ${received} with ${value}`
            : `Values must be finite. ${received} with ${shown(value)}`);
      }
    }
    const {array} = DTYPES[spec.dtype];
    if (spec.quantization === null) return array.from(values);
    // NumPy divides in the precision of the values.
    const round = values instanceof Float32Array
      ? Math.fround : (/** @type {number} */ value) => value;
    const scale = round(spec.quantization.scale);
    const {zero_point: zeroPoint} = spec.quantization;
    const [least, largest] = limitsOf(spec.dtype);
    return array.from(values, (/** @type {number} */ value) => {
      const steps = roundHalfToEven(round(value / scale));
      return Math.min(Math.max(round(steps + zeroPoint), least), largest);
    });
  }

  /**
   * @param {TensorSpec} spec
   * @param {ArrayLike<number | bigint>} values
   * @param {string} received
   * @returns {TypedArray}
   */
  #integers(spec, values, received) {
    const tokens = this.#manifest.fields.tokens?.[spec.name];
    const [least, limit] = limitsOf(spec.dtype);
    const largest = tokens === undefined ? limit : tokens - 1;
    if (values instanceof Float32Array || values instanceof Float64Array) {
      throw new AnytimeError(
        "The network takes integers, such as pixels from 0 to 255 or tokens; " +
        `\`prepare\` makes them of a picture. ${received}`);
    }
    for (const value of Array.from(values)) {
      const whole = typeof value === "bigint" || Number.isInteger(value);
      if (!whole || value < (tokens ? 0 : least) || value > largest) {
        throw new AnytimeError(
          `The network takes integers from ${tokens ? 0 : least} to ` +
          `${largest}. ${received} with ${shown(value)}`);
      }
    }
    const {array} = DTYPES[spec.dtype];
    const convert = array.name.startsWith("Big") ? BigInt : Number;
    return array.from(values, (/** @type {any} */ value) => convert(value));
  }

  /**
   * Returns the range of the values of an input, with a margin on either side
   * that is as wide as the range; null if it is unknown.
   *
   * Pixels that were not prepared lie far outside of it in most cases.
   *
   * @param {TensorSpec} spec
   * @returns {[number, number] | null}
   */
  #limits(spec) {
    const {preprocessing} = this.#manifest.fields;
    let ends;
    if (spec.name === this.#manifest.imageInput && preprocessing) {
      const normalize = normalization(preprocessing);
      ends = preprocessing.mean.length > preprocessing.std.length
        ? preprocessing.mean : preprocessing.std;
      ends = ends.flatMap((/** @type {number} */ _, /** @type {number} */ at) =>
        [normalize(0, at), normalize(255, at)]);
    } else if (spec.quantization) {
      const {scale, zero_point: zeroPoint} = spec.quantization;
      ends = limitsOf(spec.dtype).map((value) => scale * (value - zeroPoint));
    } else {
      return null;
    }
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    return [low - (high - low), high + (high - low)];
  }
}

/**
 * @param {TensorSpec} spec
 * @returns {boolean}
 */
function takesFloats(spec) {
  return spec.quantization !== null || spec.dtype.startsWith("float");
}

/**
 * @param {TensorSpec} spec
 * @returns {number} The number of values of one example.
 */
function sizeOf(spec) {
  return spec.shape.slice(1)
    .reduce((/** @type {number} */ product, size) => product * (size ?? 1), 1);
}
