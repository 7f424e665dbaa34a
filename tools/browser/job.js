/** Job: one call of a predictor, which answers at its deadline. */

import {callAt, now, turn} from "./clock.js";
import {StageResult} from "./answers.js";

/** @typedef {import("./manifest.js").Manifest} Manifest */

/** One example on its way through the stages. */
export class Job {
  /**
   * The clock runs from here on, also while the example is still converted.
   *
   * @param {Manifest} manifest
   * @param {number | null} [deadlineMs]
   */
  constructor(manifest, deadlineMs = null) {
    this.start = now();
    this.deadlineMs = deadlineMs;
    this.#manifest = manifest;
  }

  #manifest;
  /** @type {StageResult[]} */
  #answers = [];
  /** @type {Error | null} */
  #error = null;
  #ended = false;
  #wake = () => {};

  /**
   * Takes the answer of a stage, unless it came after the deadline.
   *
   * @param {{stage: number, elapsedMs: number, answer: any}} message
   */
  put({stage, elapsedMs, answer}) {
    if (this.#ended) return;
    if (this.deadlineMs !== null && elapsedMs > this.deadlineMs) {
      this.end();
      return;
    }
    this.#answers.push(
      new StageResult(this.#manifest, stage, elapsedMs, answer));
    this.#wake();
  }

  /**
   * Ends the job: nobody waits for further answers.
   *
   * @param {Error | null} [error] What waiting throws.
   */
  end(error = null) {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake();
  }

  /**
   * Waits for the answer of the next stage.
   *
   * @returns {Promise<StageResult | null>} Null after the last answer in time.
   */
  async next() {
    while (!this.#answers.length && !this.#ended) {
      await new Promise((resolve) => {
        this.#wake = () => resolve(undefined);
      });
    }
    if (this.#error) throw this.#error;
    return this.#answers.shift() ?? null;
  }

  /**
   * Waits for the last stage, the deadline or the end of the job.
   *
   * @returns {Promise<StageResult>} The last answer in time; its stage is 0 if
   *   there is none.
   */
  async last() {
    const drop = this.deadlineMs === null ? () => {} : callAt(
      this.start + this.deadlineMs,
      // Answers that came in time may still wait to be handled.
      () => turn().then(() => this.end()));
    try {
      let last = null;
      for (let answer; (answer = await this.next());) last = answer;
      return last ??
        new StageResult(this.#manifest, 0, now() - this.start, null);
    } finally {
      drop();
    }
  }
}
