/** Time that pages and their workers share. */

/**
 * Returns the time in milliseconds, on a clock that is the same in a page and
 * in its workers, and that nobody sets.
 *
 * @returns {number}
 */
export function now() {
  return performance.timeOrigin + performance.now();
}

const {port1, port2} = new MessageChannel();
/** @type {(() => void)[]} */
const waiting = [];
port2.onmessage = () => waiting.shift()?.();

/**
 * Waits until what has arrived before is handled, such as messages.
 *
 * @returns {Promise<void>}
 */
export function turn() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    port1.postMessage(null);
  });
}

/**
 * Calls a function at a time of `now`, but never before.
 *
 * @param {number} time
 * @param {() => void} call
 * @returns {() => void} Drops the call.
 */
export function callAt(time, call) {
  // A browser counts timers in 31 bits, and in whole milliseconds.
  const wait = Math.min(Math.ceil(Math.max(time - now(), 0)), 2 ** 31 - 1);
  let timer = setTimeout(() => {
    if (now() < time) {
      drop = callAt(time, call);
    } else {
      call();
    }
  }, wait);
  let drop = () => clearTimeout(timer);
  return () => drop();
}
