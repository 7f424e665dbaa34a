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
 * Returns at most 100 characters that show a value.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function shown(value) {
  let text;
  if (ArrayBuffer.isView(value)) {
    text = `${value.constructor.name} of ${/** @type {any} */ (value).length}`;
  } else if (value && typeof value === "object" && !Array.isArray(value)) {
    text = value.constructor?.name ?? "object";
  } else {
    text = (typeof value === "string" || Array.isArray(value)
      ? JSON.stringify(value) : undefined) ?? String(value);
  }
  return text.length <= 100 ? text : `${text.slice(0, 100)}...`;
}
