/** The error of everything that a page cannot go on with. */

/**
 * An exported network, an argument or the runtime is not as it must be.
 *
 * Its `message` is one sentence for people, or two.
 */
export class AnytimeError extends Error {
  /**
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(message, options) {
    super(message, options);
    this.name = "AnytimeError";
  }
}

/**
 * Returns at most 100 characters that show a value, and `...` for others.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function shown(value) {
  const text = textOf(value);
  return text.length <= 100 ? text : `${text.slice(0, 100)}...`;
}

/**
 * Returns why something failed, whatever was thrown: programs of C++ throw
 * numbers too.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function reasonOf(error) {
  return error instanceof Error || error instanceof DOMException
    ? error.message : shown(error);
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function textOf(value) {
  if (ArrayBuffer.isView(value)) {
    const {length = value.byteLength} = /** @type {any} */ (value);
    return `${nameOf(value)} of ${length}`;
  }
  if (value instanceof URL) return value.href;
  const isPlain = value !== null && typeof value === "object" &&
    [Object.prototype, Array.prototype, null].includes(
      Object.getPrototypeOf(value));
  if (!isPlain && typeof value === "object" && value) return nameOf(value);
  if (!isPlain && typeof value !== "string") return String(value);
  try {
    return JSON.stringify(value, (_, entry) =>
      ["number", "bigint"].includes(typeof entry) && !Number.isFinite(entry)
        ? String(entry) : entry);
  } catch {
    return "an object that contains itself";
  }
}

/**
 * Returns the name of an object's class.
 *
 * @param {object} value
 * @returns {string}
 */
function nameOf(value) {
  return String(Object.getPrototypeOf(value).constructor?.name || "object");
}
