/**
 * AnytimePredictor: answers of an exported network under deadlines, in a page.
 *
 *     import {AnytimePredictor} from "./anytime.js";
 *
 *     const predictor = await AnytimePredictor.load("anytime.tflite");
 *     const image = predictor.prepare(document.querySelector("canvas"));
 *     for await (const result of predictor.stream(image)) {
 *       console.log(result.stage, result.top(1)[0].name);
 *     }
 *     const result = await predictor.predict(image, {deadlineMs: 8});
 */

import {hasConfidence} from "./answers.js";
import {addressOf, optionsOf} from "./arguments.js";
import {AnytimeError, shown} from "./errors.js";
import {Executor} from "./executor.js";
import {Inputs} from "./inputs.js";
import {Job} from "./job.js";
import {latencyOf, readLatency, writeLatency} from "./latency.js";
import {loadRuntime} from "./litert.js";
import {fetchExport} from "./loading.js";

export {AnytimeError};

/**
 * @typedef {import("./answers.js").StageResult} StageResult
 * @typedef {import("./inputs.js").Example} Example
 * @typedef {import("./latency.js").StepLatency} StepLatency
 * @typedef {import("./manifest.js").Manifest} Manifest
 */

/**
 * Runs an exported anytime network, stage by stage, under deadlines.
 *
 * The stages run in a worker of their own: the page stays responsive, and a
 * call answers at its deadline even while a step runs. A running step cannot be
 * stopped, so the next call starts when it has ended. Calls take turns, and
 * each deadline counts from its own call.
 *
 * After `calibrate()` has measured the device, a step that would end after the
 * deadline is not begun.
 */
export class AnytimePredictor {
  /**
   * Loads an exported file, and its manifest from beside it.
   *
   * @param {string | URL} fileUrl The address of a `.tflite` file that
   *   `keras_anytime.export` wrote, with its manifest `<file>.json` beside it.
   * @param {object} [options]
   * @param {string | URL} [options.wasmUrl] The folder `wasm/` of the npm
   *   package `@litertjs/core`; if not given, that in `node_modules` beside
   *   this file.
   * @param {"wasm"} [options.accelerator] What runs the steps; WebAssembly on
   *   the processor is all there is.
   * @returns {Promise<AnytimePredictor>}
   * @throws {AnytimeError} If an argument is wrong, the file, LiteRT or the
   *   worker cannot be loaded, or the file is damaged, foreign or of a version
   *   that this page cannot run.
   */
  static async load(fileUrl, options = {}) {
    const {
      wasmUrl = new URL(
        "./node_modules/@litertjs/core/wasm/", import.meta.url),
      accelerator = "wasm",
    } = optionsOf("load", options, ["wasmUrl", "accelerator"]);
    if (accelerator !== "wasm") {
      throw new AnytimeError(
        "Steps run by WebAssembly, on the processor: leave `accelerator` out, " +
        `or give "wasm". Received: accelerator=${shown(accelerator)}`);
    }
    const url = addressOf("fileUrl", fileUrl, "an exported .tflite file");
    const folder = addressOf(
      "wasmUrl", wasmUrl, "the folder wasm/ of the npm package @litertjs/core");
    if (!folder.pathname.endsWith("/")) folder.pathname += "/";
    const [runtime, {file, manifest}] = await Promise.all(
      [loadRuntime(folder), fetchExport(url)]);
    const inputs = new Inputs(manifest);
    const executor = await Executor.open(runtime, file, manifest);
    return new AnytimePredictor(manifest, inputs, executor);
  }

  /**
   * `load` makes predictors.
   *
   * @param {Manifest} manifest
   * @param {Inputs} inputs
   * @param {Executor} executor
   */
  constructor(manifest, inputs, executor) {
    /** What the file contains. */
    this.manifest = manifest;
    /**
     * The latencies on this device; null before the first `calibrate()`.
     *
     * @type {StepLatency | null}
     */
    this.latency = readLatency(manifest.fields.sha256, manifest.numStages);
    this.#inputs = inputs;
    this.#executor = executor;
  }

  #inputs;
  #executor;

  /** @returns {number} The number of stages K. */
  get numStages() {
    return this.manifest.numStages;
  }

  /**
   * Converts pixels to an image that `stream` and `predict` take.
   *
   * The image is resized by nearest neighbor, and normalized as the manifest
   * says, unless the file takes pixels.
   *
   * @param {import("./pixels.js").PixelSource} source A canvas, `ImageData`, or
   *   a picture of any size.
   * @returns {Float32Array | Uint8Array} `(height, width, channels)`.
   */
  prepare(source) {
    return this.#inputs.prepare(source);
  }

  /**
   * Gives the answer of each stage as soon as it is ready.
   *
   * The stages start with this call, and later ones run while the page handles
   * an earlier answer. Leaving the loop stops them after the running step.
   *
   * @param {Example} example As for `predict`. It is copied.
   * @returns {AsyncGenerator<StageResult, void>} Answers of stages 1, 2, ... K;
   *   fewer after `interrupt()`.
   */
  stream(example) {
    const job = new Job(this.manifest);
    this.#executor.checkOpen();
    const inputs = this.#inputs.convert(example);
    return this.#stream(job, this.#executor.submit(job, inputs));
  }

  /**
   * Gives the latest answer before the deadline.
   *
   * It comes earlier if the last stage has answered, an answer is confident
   * enough, or `interrupt()` is called.
   *
   * @param {Example} example What `prepare` makes, or the values of another
   *   input; of several inputs a record from their names. One example.
   * @param {object} [options]
   * @param {number | null} [options.deadlineMs] Milliseconds from now to the
   *   answer; null waits for the last stage.
   * @param {number | number[] | "manifest" | null} [options.confidence] An
   *   answer with a higher confidence is final: one number in [0, 1], one for
   *   each of stages 1 to K - 1, or those of the manifest.
   * @returns {Promise<StageResult>} Its stage is 0 if none was ready.
   */
  async predict(example, options = {}) {
    const {deadlineMs = null, confidence = null} =
      optionsOf("predict", options, ["deadlineMs", "confidence"]);
    const isTime = typeof deadlineMs === "number" && deadlineMs >= 0;
    if (deadlineMs !== null && !isTime) {
      throw new AnytimeError(
        "`deadlineMs` must be a number of 0 or more, or null. " +
        `Received: deadlineMs=${shown(deadlineMs)}`);
    }
    const thresholds = this.#thresholds(confidence);
    const job = new Job(this.manifest, deadlineMs);
    this.#executor.checkOpen();
    const inputs = this.#inputs.convert(example);
    // No answer is ready at once, however coarse the browser's clock is.
    if (deadlineMs === 0) {
      job.end();
      return job.last();
    }
    const stepMs = this.latency?.medianMs ?? null;
    const drop = this.#executor.submit(job, inputs, thresholds, stepMs);
    try {
      return await job.last();
    } finally {
      drop();
    }
  }

  /** Makes the calls in progress answer at once, with their latest stage. */
  interrupt() {
    this.#executor.interrupt();
  }

  /** Runs all stages once, because first calls take longer. */
  async warmUp() {
    await this.#timeAnswers(1);
  }

  /**
   * Measures the time of each stage's answer on this device.
   *
   * The browser keeps the times for later visits. From now on, `predict` begins
   * no step whose median time would end after the deadline.
   *
   * @param {number} [repetitions] The runs that are measured on an empty
   *   example, after one for warming up.
   * @returns {Promise<number[]>} The median milliseconds from a call to the
   *   answer of stages 1 to K.
   */
  async calibrate(repetitions = 20) {
    if (!(Number.isInteger(repetitions) && repetitions >= 1)) {
      throw new AnytimeError(
        "`repetitions` must be an integer of 1 or more. " +
        `Received: repetitions=${shown(repetitions)}`);
    }
    const [, ...measured] = await this.#timeAnswers(repetitions + 1);
    this.latency = latencyOf(measured);
    writeLatency(this.manifest.fields.sha256, this.latency);
    return this.latency.answerMs;
  }

  /** Ends the worker and frees its memory. Calls in progress answer at once. */
  close() {
    this.#executor.close();
  }

  /**
   * @param {Job} job
   * @param {() => void} drop Drops the job.
   * @returns {AsyncGenerator<StageResult, void>}
   */
  async *#stream(job, drop) {
    try {
      for (let result; (result = await job.next());) yield result;
    } finally {
      drop();
    }
  }

  /**
   * @param {number} runs
   * @returns {Promise<number[][]>} Of each run, the times of all answers.
   */
  async #timeAnswers(runs) {
    const times = [];
    for (let run = 0; run < runs; run += 1) {
      const job = new Job(this.manifest);
      const inputs = this.#inputs.convert(this.#inputs.blank(), false);
      const answers = [];
      const drop = this.#executor.submit(job, inputs);
      for await (const {elapsedMs} of this.#stream(job, drop)) {
        answers.push(elapsedMs);
      }
      if (answers.length < this.numStages) {
        throw new AnytimeError("The measurement was interrupted.");
      }
      times.push(answers);
    }
    return times;
  }

  /**
   * Returns the confidence thresholds of a call; none for null.
   *
   * @param {number | number[] | "manifest" | null} confidence
   * @returns {number[]}
   */
  #thresholds(confidence) {
    if (confidence === null) return [];
    const count = this.numStages - 1;
    const received = `Received: confidence=${shown(confidence)}`;
    const [program] = this.manifest.programNames;
    const [[, logits]] = this.manifest.logitsNames;
    const classes = this.manifest.output(program, logits).shape.at(-1) ?? 1;
    if (!hasConfidence(this.manifest.task(), classes)) {
      throw new AnytimeError(
        "A confidence is the probability of a class, or of yes or no, and " +
        `plain numbers have none. ${received}`);
    }
    if (confidence === "manifest") {
      if (this.manifest.thresholds === null) {
        throw new AnytimeError(
          "The manifest has no confidence thresholds: export the network with " +
          `\`thresholds\`, or give numbers. ${received}`);
      }
      return this.manifest.thresholds;
    }
    const values = typeof confidence === "number"
      ? Array(count).fill(confidence) : confidence;
    if (!Array.isArray(values) || values.length !== count || values.some(
      (value) => !(typeof value === "number" && value >= 0 && value <= 1))) {
      throw new AnytimeError(
        `Confidence thresholds must be numbers in [0, 1]: one, or ${count} ` +
        `for the stages before the last. ${received}`);
    }
    return values;
  }
}
