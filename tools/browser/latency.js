/** Step latencies of a device, which the browser keeps for later visits. */

/**
 * @typedef {object} StepLatency Times in milliseconds.
 * @property {number[]} medianMs The median of each step.
 * @property {number[]} p99Ms The 99th percentile of each step.
 * @property {number[]} answerMs Medians from a call to each stage's answer.
 * @property {number} runs The number of runs that were measured.
 */

// An hour. Nobody gives deadlines to a network that takes longer.
const MAX_MS = 3.6e6;

/**
 * Returns the latencies of measured runs.
 *
 * @param {number[][]} answers Of each run, the times of all answers.
 * @returns {StepLatency}
 */
export function latencyOf(answers) {
  const steps = answers.map((times) =>
    times.map((time, index) => time - (index ? times[index - 1] : 0)));
  /** @param {number[][]} runs @param {number} share */
  const percentiles = (runs, share) => runs[0].map((_, stage) =>
    percentile(runs.map((times) => times[stage]), share));
  return {
    medianMs: percentiles(steps, 0.5),
    p99Ms: percentiles(steps, 0.99),
    answerMs: percentiles(answers, 0.5),
    runs: answers.length,
  };
}

/**
 * Returns the stored latencies of a file on this device.
 *
 * @param {string} sha256 The checksum of the file.
 * @param {number} numStages
 * @returns {StepLatency | null} Null if there are none that can be right.
 */
export function readLatency(sha256, numStages) {
  try {
    const latency = JSON.parse(localStorage.getItem(keyOf(sha256)) ?? "");
    const columns = [latency.medianMs, latency.p99Ms, latency.answerMs];
    const plausible = columns.every((times) =>
      Array.isArray(times) && times.length === numStages &&
      times.every((time) =>
        typeof time === "number" && time >= 0 && time <= MAX_MS));
    return plausible && Number.isInteger(latency.runs) && latency.runs >= 1
      ? latency : null;
  } catch {
    // Nothing is stored, or the browser keeps nothing.
    return null;
  }
}

/**
 * Stores latencies, where the browser keeps what pages store.
 *
 * @param {string} sha256 The checksum of the file.
 * @param {StepLatency} latency
 */
export function writeLatency(sha256, latency) {
  try {
    localStorage.setItem(keyOf(sha256), JSON.stringify(latency));
  } catch {
    // The latencies hold for this visit only.
  }
}

/** @param {string} sha256 */
function keyOf(sha256) {
  return `keras_anytime latency of ${sha256}, ` +
    `${navigator.hardwareConcurrency} processors, ${navigator.userAgent}`;
}

/**
 * Returns a percentile, between two values as NumPy does.
 *
 * @param {number[]} values
 * @param {number} share
 * @returns {number}
 */
function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
}
