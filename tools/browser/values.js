/**
 * Checks of single values in a manifest: those of
 * `keras_anytime/manifest/values.py`.
 *
 * A manifest may be damaged or written to do harm. Values that pass these
 * functions are safe to use; each function throws an `AnytimeError` otherwise.
 */

import {AnytimeError, shown} from "./errors.js";

/** @typedef {(value: any) => void} Check */

// LiteRT counts sizes in 32 bits.
const MAX_SIZE = 2 ** 31 - 1;
const MAX_AXES = 8;
// Limits of numbers that a device divides by in float32.
const [SMALLEST, LARGEST] = [1e-30, 1e30];
const INTEGERS = ["", "u"].flatMap((sign) =>
  [8, 16, 32, 64].map((bits) => `${sign}int${bits}`));
const DTYPES = [
  ...INTEGERS, "bool", "bfloat16", "float16", "float32", "float64"];

/**
 * Throws the error for a value that is not `wanted`.
 *
 * @param {unknown} value
 * @param {string} wanted
 * @returns {never}
 */
export function refuse(value, wanted) {
  throw new AnytimeError(`${shown(value)} is not ${wanted}`);
}

/**
 * Returns the check of a value that may be null.
 *
 * @param {Check} check
 * @returns {Check}
 */
export function orNull(check) {
  return (value) => {
    if (value !== null) check(value);
  };
}

/** @type {Check} */
export function text(value) {
  if (typeof value !== "string") refuse(value, "a string");
}

/** @type {Check} */
export function texts(value) {
  items(value).forEach(text);
}

/** @type {Check} */
export function flag(value) {
  if (typeof value !== "boolean") refuse(value, "true or false");
}

/**
 * Checks for an integer. JSON's 1.0 is one, because JavaScript reads it as 1.
 *
 * @param {any} value
 * @param {number} [minimum]
 * @param {number} [limit] The first integer that is too large.
 */
export function integer(value, minimum = 0, limit = 2 ** 63) {
  if (!(Number.isInteger(value) && value >= minimum && value < limit)) {
    refuse(value, `an integer from ${minimum} to below ${limit}`);
  }
}

/**
 * Checks for a finite number.
 *
 * @param {any} value
 * @param {number} [minimum]
 * @param {number} [maximum]
 */
export function number(
  value, minimum = -Number.MAX_VALUE, maximum = Number.MAX_VALUE,
) {
  if (!(Number.isFinite(value) && value >= minimum && value <= maximum)) {
    refuse(value, `a number from ${minimum} to ${maximum}`);
  }
}

/** @type {Check} */
export function share(value) {
  number(value, 0, 1);
}

/**
 * Checks for a positive number that a device can divide by.
 *
 * @type {Check}
 */
export function divisor(value) {
  number(value, SMALLEST, LARGEST);
}

/**
 * Checks for a list.
 *
 * @param {any} value
 * @param {number[]} [lengths] The lengths that it may have; any, if not given.
 * @returns {any[]} The list.
 */
export function items(value, lengths) {
  if (!Array.isArray(value)) refuse(value, "a list");
  if (lengths && !lengths.includes(value.length)) {
    refuse(value, `a list of ${lengths.join(" or ")}`);
  }
  return value;
}

/**
 * Checks for a record.
 *
 * @param {any} value
 * @param {string[]} [names] Exactly its keys; any, if not given.
 * @returns {Record<string, any>} The record.
 */
export function record(value, names) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    refuse(value, "a record");
  }
  const keys = Object.keys(value);
  if (names && !(keys.length === names.length &&
      names.every((name) => keys.includes(name)))) {
    refuse(value, `a record of ${names.join(", ")}`);
  }
  return value;
}

/**
 * Checks for names of which none occurs twice, and for at least one.
 *
 * @type {Check}
 */
export function names(value) {
  texts(value);
  if (new Set(value).size !== (value.length || 1)) {
    refuse(value, "a list of different names");
  }
}

/**
 * Checks for the shape of a tensor; sizes may be null.
 *
 * @type {Check}
 */
export function shape(value) {
  let elements = 1;
  for (const size of items(value)) {
    if (size !== null) integer(size, 1, MAX_SIZE + 1);
    elements *= size ?? 1;
  }
  if (!value.length || value.length > MAX_AXES || elements > MAX_SIZE) {
    refuse(value, `a shape of 1 to ${MAX_AXES} axes and at most ${MAX_SIZE} ` +
      "elements");
  }
}

/** @type {Check} */
export function dtype(value) {
  if (!DTYPES.includes(value)) refuse(value, `one of ${DTYPES.join(", ")}`);
}

/**
 * Checks for the scale and the zero point of a tensor of integers.
 *
 * @param {any} value
 * @param {string} ofDtype The type of the tensor.
 */
export function quantization(value, ofDtype) {
  record(value, ["scale", "zero_point"]);
  if (!INTEGERS.includes(ofDtype)) {
    refuse(ofDtype, "a type of integers, which alone are quantized");
  }
  divisor(value.scale);
  integer(value.zero_point, -MAX_SIZE - 1, MAX_SIZE + 1);
}

/**
 * Checks for the numbers of `(pixel / scale - mean) / std`.
 *
 * @param {any} value
 * @param {string[]} [others] Further keys of the record.
 */
export function normalization(value, others = []) {
  const {scale, mean, std} = record(value, ["scale", "mean", "std", ...others]);
  for (const entry of items(mean)) number(entry, -LARGEST, LARGEST);
  for (const entry of [scale, ...items(std)]) {
    number(entry);
    divisor(Math.abs(entry));
  }
}

/**
 * Checks for the pixels' size and normalization.
 *
 * @type {Check}
 */
export function pixels(value) {
  normalization(value, ["size"]);
  for (const size of items(value.size, [2])) integer(size, 1, MAX_SIZE + 1);
}

/**
 * Checks for a record of numbers and lists of numbers.
 *
 * @type {Check}
 */
export function measurements(value) {
  for (const entry of Object.values(record(value)).flat()) number(entry);
}
