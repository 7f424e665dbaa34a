/** Turns: what was begun earlier must not touch what is shown by now. */

/** Counts turns, of which the last one is current. */
export class Turns {
  #count = 0;

  /**
   * Begins a turn, and ends the one before.
   *
   * @returns {() => boolean} Whether the turn is still the current one; code
   *   asks after each `await`.
   */
  next() {
    this.#count += 1;
    return this.current();
  }

  /** @returns {() => boolean} As `next`, of the turn that there is. */
  current() {
    const mine = this.#count;
    return () => mine === this.#count;
  }
}
