/** The types of tensors, and the arrays that hold them. */

/**
 * @typedef {Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array |
 *   Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array}
 *   TypedArray
 */

// LiteRT's numbers of element types are those of `litert::ElementType`.
/** @type {Record<string, {number: number, array: any}>} */
export const DTYPES = {
  float32: {number: 1, array: Float32Array},
  int32: {number: 2, array: Int32Array},
  uint8: {number: 3, array: Uint8Array},
  int64: {number: 4, array: BigInt64Array},
  bool: {number: 6, array: Uint8Array},
  int16: {number: 7, array: Int16Array},
  int8: {number: 9, array: Int8Array},
  float64: {number: 11, array: Float64Array},
  uint64: {number: 13, array: BigUint64Array},
  uint32: {number: 16, array: Uint32Array},
  uint16: {number: 17, array: Uint16Array},
};

/**
 * Returns the smallest and the largest value of a type of integers.
 *
 * @param {string} dtype
 * @returns {[number, number]}
 */
export function limitsOf(dtype) {
  if (dtype === "bool") return [0, 1];
  const bits = Number(/\d+$/.exec(dtype)?.[0]);
  return dtype.startsWith("u")
    ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

/**
 * Rounds to the nearest integer; halves go to the even one, as in NumPy.
 *
 * @param {number} value
 * @returns {number}
 */
export function roundHalfToEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
