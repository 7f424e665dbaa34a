/** Executor: the worker of an exported file, and the calls that it runs. */

import {AnytimeError, reasonOf} from "./errors.js";

/**
 * @typedef {import("./job.js").Job} Job
 * @typedef {import("./manifest.js").Manifest} Manifest
 */

/** Runs jobs in a worker, in the order in which they arrive. */
export class Executor {
  /**
   * Starts the worker and opens the file in it.
   *
   * @param {import("./litert.js").Runtime} runtime
   * @param {ArrayBuffer} file Handed over to the worker.
   * @param {Manifest} manifest
   * @returns {Promise<Executor>}
   */
  static async open(runtime, file, manifest) {
    const executor = new Executor();
    try {
      await new Promise((resolve, reject) => {
        executor.#opening = {resolve, reject};
        executor.#worker.postMessage(
          {type: "open", runtime, file, fields: manifest.fields}, [file]);
      });
    } catch (error) {
      executor.close();
      throw error;
    }
    return executor;
  }

  constructor() {
    const url = new URL("./worker.js", import.meta.url);
    try {
      this.#worker = new Worker(url);
    } catch (error) {
      throw new AnytimeError(
        "The browser starts no worker, which runs the steps: anytime.js and " +
        "the modules beside it must be on the page's own server, and its " +
        `Content-Security-Policy must allow workers. Received: ${url} ` +
        `(${reasonOf(error)})`, {cause: error});
    }
    this.#worker.onmessage = ({data}) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      this.#fail(
        event.message
          ? `The worker that runs the steps failed: ${event.message}.`
          : "The worker that runs the steps cannot be loaded: it must be " +
            "beside anytime.js, and the page's Content-Security-Policy must " +
            `allow workers. Received: ${url}`);
    };
  }

  #worker;
  /** @type {Map<number, Job>} */
  #jobs = new Map();
  #count = 0;
  #closed = false;
  /** @type {{resolve: Function, reject: Function}} */
  #opening = {resolve: () => {}, reject: () => {}};

  /** Throws an error if the executor is closed. */
  checkOpen() {
    if (this.#closed) {
      throw new AnytimeError("The predictor is closed: load the file again.");
    }
  }

  /**
   * Hands a job to the worker.
   *
   * @param {Job} job
   * @param {Record<string, import("./dtypes.js").TypedArray>} inputs
   * @param {number[]} [thresholds] An answer with a higher confidence is final.
   * @param {number[] | null} [stepMs] Usual times of the steps.
   * @returns {() => void} Drops the job: no further step begins.
   */
  submit(job, inputs, thresholds = [], stepMs = null) {
    this.checkOpen();
    const id = this.#count += 1;
    this.#jobs.set(id, job);
    const {start, deadlineMs} = job;
    this.#worker.postMessage(
      {type: "run", id, inputs, thresholds, stepMs, start, deadlineMs},
      Object.values(inputs).map(({buffer}) => buffer));
    return () => {
      if (this.#jobs.delete(id)) {
        this.#worker.postMessage({type: "stop", id});
      }
    };
  }

  /** Makes the calls in progress answer at once. */
  interrupt() {
    for (const [id, job] of this.#jobs) {
      job.end();
      this.#worker.postMessage({type: "stop", id});
    }
    this.#jobs.clear();
  }

  /** Ends the worker, and with it all memory of the file. */
  close() {
    this.#closed = true;
    this.interrupt();
    this.#worker.terminate();
  }

  /** @param {any} message */
  #receive(message) {
    const job = this.#jobs.get(message.id);
    if (message.type === "opened") this.#opening.resolve();
    if (message.type === "failed") this.#fail(message.message);
    if (message.type === "answer") job?.put(message);
    if (message.type === "end") {
      this.#jobs.delete(message.id);
      job?.end(message.message && new AnytimeError(message.message));
    }
  }

  /** @param {string} message */
  #fail(message) {
    const error = new AnytimeError(message);
    this.#opening.reject(error);
    for (const job of this.#jobs.values()) job.end(error);
    this.close();
  }
}
