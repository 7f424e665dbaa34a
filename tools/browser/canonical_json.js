/** JSON text in the form whose checksum a manifest records. */

/**
 * Returns JSON text with sorted keys and without spaces, in ASCII.
 *
 * Python's `json.dumps(fields, sort_keys=True, separators=(",", ":"))` gives
 * the same text. Numbers stay as they are written: JavaScript would write 1.0
 * as 1.
 *
 * @param {string} text Valid JSON text of an object.
 * @param {string} [without] A key of the object that is left out.
 * @returns {string}
 */
export function canonicalJson(text, without) {
  return new Reader(text, without).value(true);
}

class Reader {
  /**
   * @param {string} text
   * @param {string | undefined} without
   */
  constructor(text, without) {
    this.text = text;
    this.without = without;
    this.at = 0;
  }

  /**
   * @param {boolean} [outermost]
   * @returns {string}
   */
  value(outermost = false) {
    const next = this.peek();
    if (next === "{") return this.object(outermost);
    if (next === "[") return this.array();
    if (next === '"') return inAscii(this.token(/"(?:[^"\\]|\\.)*"/y));
    return this.token(/[^\s,\]}]+/y);
  }

  /**
   * @param {boolean} outermost
   * @returns {string}
   */
  object(outermost) {
    /** @type {Map<string, string>} */
    const entries = new Map();
    this.at += 1;
    while (this.peek() !== "}") {
      const key = inAscii(this.token(/"(?:[^"\\]|\\.)*"/y));
      this.peek();
      this.at += 1;  // The colon.
      entries.set(key, this.value());
      if (this.peek() === ",") this.at += 1;
    }
    this.at += 1;
    if (outermost) entries.delete(JSON.stringify(this.without));
    const sorted = [...entries]
      .map(([key, value]) =>
        ({key, value, points: codePoints(JSON.parse(key))}))
      .sort((a, b) => order(a.points, b.points));
    return `{${sorted.map(({key, value}) => `${key}:${value}`).join(",")}}`;
  }

  /** @returns {string} */
  array() {
    const values = [];
    this.at += 1;
    while (this.peek() !== "]") {
      values.push(this.value());
      if (this.peek() === ",") this.at += 1;
    }
    this.at += 1;
    return `[${values.join(",")}]`;
  }

  /**
   * Skips spaces; returns the next character.
   *
   * @returns {string}
   */
  peek() {
    while (" \n\r\t".includes(this.text[this.at])) this.at += 1;
    return this.text[this.at];
  }

  /**
   * @param {RegExp} pattern A sticky one.
   * @returns {string}
   */
  token(pattern) {
    pattern.lastIndex = this.at;
    const [found] = /** @type {RegExpExecArray} */ (pattern.exec(this.text));
    this.at += found.length;
    return found;
  }
}

/**
 * @param {string} text
 * @returns {number[]}
 */
function codePoints(text) {
  return Array.from(text, (character) =>
    /** @type {number} */ (character.codePointAt(0)));
}

/**
 * Orders texts as Python does, by code points: `<` takes UTF-16 for characters,
 * in which those above U+FFFF begin with units below U+E000.
 *
 * @param {number[]} left
 * @param {number[]} right
 * @returns {number} Below 0 if `left` is first.
 */
function order(left, right) {
  const at = left.findIndex((point, index) => point !== right[index]);
  if (at < 0) return left.length - right.length;
  return left[at] - (right[at] ?? -1);
}

/**
 * Returns a JSON string as Python writes it, with `\uXXXX` beyond ASCII.
 *
 * @param {string} token
 * @returns {string}
 */
function inAscii(token) {
  return JSON.stringify(JSON.parse(token)).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
