/** Answers of stages: probabilities, confidences, names of classes. */

import {AnytimeError, shown} from "./errors.js";

/**
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {Float32Array | Float64Array} Numbers
 * @typedef {Numbers | Record<string, Numbers>} PerLabelSet One array, or with
 *   label sets a record from these to arrays.
 * @typedef {object} Answer
 * @property {PerLabelSet} logits
 * @property {PerLabelSet | null} probabilities
 * @property {number | null} confidence
 */

/** The answer of one stage, or the statement that no stage was ready. */
export class StageResult {
  /**
   * @param {Manifest} manifest
   * @param {number} stage
   * @param {number} elapsedMs
   * @param {Answer | null} answer
   */
  constructor(manifest, stage, elapsedMs, answer) {
    this.#manifest = manifest;
    /** The stage that answered, from 1; 0 if none was ready in time. */
    this.stage = stage;
    /** Milliseconds from the call to this answer. */
    this.elapsedMs = elapsedMs;
    /** The numbers of the last layer; null if no stage was ready. */
    this.logits = answer?.logits ?? null;
    /**
     * Softmax probabilities of the logits over the stage's temperature, or
     * those of product answers, if the manifest says so. Of yes or no, and of
     * each of several labels, the probability of yes. With label sets, a record
     * without the sets that are numbers. Null for numbers, and if no stage was
     * ready.
     */
    this.probabilities = answer?.probabilities ?? null;
    /** The largest probability, in the first label set; null for numbers. */
    this.confidence = answer?.confidence ?? null;
  }

  #manifest;

  /** @returns {boolean} Whether any stage was ready. */
  get ready() {
    return this.stage > 0;
  }

  /**
   * Returns the likeliest classes, the likeliest first.
   *
   * @param {number} [count]
   * @param {string | null} [labelSet] The first set, if not given.
   * @returns {{index: number, name: string, probability: number}[]} Names are
   *   the numbers of classes where the manifest has none. An answer of yes or
   *   no has both. Empty if no stage was ready.
   */
  top(count = 5, labelSet = this.#manifest.logitsNames[0][0]) {
    if (!(Number.isInteger(count) && count >= 1)) {
      throw new AnytimeError(
        "`count` must be an integer of 1 or more. " +
        `Received: count=${shown(count)}`);
    }
    const sets = this.#manifest.logitsNames.map(([name]) => name);
    if (!sets.includes(labelSet)) {
      throw new AnytimeError(
        `The label sets of this network are ${shown(sets)}. ` +
        `Received: ${shown(labelSet)}`);
    }
    const task = this.#manifest.task(labelSet);
    if (task === "regression" || task === "segmentation") {
      throw new AnytimeError(
        "Numbers and classes at positions are not ranked. " +
        `Received: a network with the task ${shown(task)}`);
    }
    if (!this.ready) return [];
    let probabilities = /** @type {Numbers | null} */ (labelSet === null
      ? this.probabilities
      : /** @type {any} */ (this.probabilities)?.[labelSet]) ?? [];
    let names = this.#manifest.classNames(labelSet);
    if (task === "binary") {
      probabilities = Float64Array.of(1 - probabilities[0], probabilities[0]);
      names = names?.length === 2 ? names : ["no", "yes"];
    }
    return [...probabilities]
      .map((probability, index) =>
        ({index, name: names?.[index] ?? String(index), probability}))
      .sort((a, b) => b.probability - a.probability || a.index - b.index)
      .slice(0, count);
  }
}

/** Turns the logits of one stage after another into answers. */
export class Answers {
  /** @param {Manifest} manifest */
  constructor(manifest) {
    this.#manifest = manifest;
    this.#products = /** @type {Record<string, Float64Array>} */ ({});
  }

  #manifest;
  #products;

  /**
   * Returns the answer of the next stage.
   *
   * @param {number} index The index of the stage, from 0.
   * @param {[string | null, Numbers, number][]} logits Of each label set: its
   *   name, the logits, and their last axis.
   * @returns {Answer}
   */
  add(index, logits) {
    const entries = logits.map(([labelSet, values, classes], order) => {
      // Temperatures are those of the first label set.
      const temperature = order ? 1 : this.#manifest.temperature(index);
      const task = this.#manifest.task(labelSet);
      const probabilities = this.#manifest.productAnswers
        ? this.#product(String(labelSet), values)
        : probabilitiesOf(
          Float64Array.from(values, (value) => value / temperature),
          classes, task);
      return {labelSet, values, classes, task, probabilities};
    });
    const [first] = entries;
    return {
      logits: bySet(entries.map((entry) => [entry.labelSet, entry.values])),
      probabilities: bySet(entries
        .filter((entry) => entry.probabilities !== null)
        .map((entry) => [entry.labelSet, entry.probabilities])),
      confidence: first.probabilities &&
        confidenceOf(first.probabilities, first.classes, first.task),
    };
  }

  /**
   * Returns the probabilities of product answers.
   *
   * Those of stage k are proportional to `prod_{j <= k} max(z_j, 0)`. Where no
   * class is left, the stage alone answers. No temperature changes them. Sums
   * of logarithms neither overflow nor underflow.
   * Source: Jazbec et al., 2023, arXiv:2306.02652, Section 4.
   *
   * @param {string} labelSet
   * @param {Numbers} logits
   * @returns {Float64Array}
   */
  #product(labelSet, logits) {
    const before = this.#products[labelSet];
    const products = Float64Array.from(logits, (value, index) =>
      (value <= 0 ? -Infinity : Math.log(value)) + (before?.[index] ?? 0));
    this.#products[labelSet] = products;
    return softmax(products.some((product) => product !== -Infinity)
      ? products : Float64Array.from(logits));
  }
}

/**
 * Returns the probabilities of scaled logits.
 *
 * @param {Float64Array} logits
 * @param {number} classes The last axis of the logits.
 * @param {string | null} task
 * @returns {Float64Array | null} Null for tasks whose answers are numbers.
 */
export function probabilitiesOf(logits, classes, task) {
  if (!hasConfidence(task, classes)) return null;
  if (task === "multi_label" || classes === 1) {
    return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  }
  const probabilities = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    probabilities.set(softmax(logits.subarray(start, start + classes)), start);
  }
  return probabilities;
}

/**
 * Returns whether answers have a confidence: plain numbers have none.
 *
 * @param {string | null} task
 * @param {number} classes
 * @returns {boolean}
 */
export function hasConfidence(task, classes) {
  const yesOrNo = task === "binary" || task === "multi_label";
  return task !== "regression" && (classes > 1 || yesOrNo);
}

/**
 * Returns the confidence of one answer.
 *
 * It is the largest probability; of several labels the smallest one of them, of
 * a class at each position the mean.
 *
 * @param {Numbers} probabilities
 * @param {number} classes
 * @param {string | null} task
 * @returns {number}
 */
function confidenceOf(probabilities, classes, task) {
  if (task === "multi_label" || classes === 1) {
    const certain = probabilities.map((yes) => Math.max(yes, 1 - yes));
    if (task !== "segmentation") return least(certain);
    return mean(certain);
  }
  if (task !== "segmentation") return greatest(probabilities);
  const largest = [];
  for (let start = 0; start < probabilities.length; start += classes) {
    largest.push(greatest(probabilities.subarray(start, start + classes)));
  }
  return mean(largest);
}

/**
 * @param {Float64Array} logits
 * @returns {Float64Array}
 */
function softmax(logits) {
  const largest = greatest(logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * @template T
 * @param {[string | null, T][]} entries
 * @returns {any} The only value, or a record by label sets; null for none.
 */
function bySet(entries) {
  if (!entries.length) return null;
  return entries[0][0] === null ? entries[0][1] : Object.fromEntries(entries);
}

// `Math.max(...values)` would not do: the arguments of a call are limited in
// number.
/** @param {Numbers | number[]} values */
function greatest(values) {
  let found = -Infinity;
  for (const value of values) found = Math.max(found, value);
  return found;
}

/** @param {Numbers} values */
function least(values) {
  let found = Infinity;
  for (const value of values) found = Math.min(found, value);
  return found;
}

/** @param {Numbers | number[]} values */
function mean(values) {
  let total = 0;
  for (const value of values) total += value;
  return total / values.length;
}
