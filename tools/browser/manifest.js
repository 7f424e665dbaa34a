/** The manifest of an exported network: what its file contains. */

import {canonicalJson} from "./canonical_json.js";
import {AnytimeError, shown} from "./errors.js";
import {checkFields, checkForPages, checkPrograms} from "./schema.js";
import {record} from "./values.js";

/**
 * @typedef {{scale: number, zero_point: number}} Quantization
 * @typedef {object} TensorSpec
 * @property {string} name
 * @property {(number | null)[]} shape The batch is the first axis.
 * @property {string} dtype A NumPy type name.
 * @property {Quantization | null} quantization
 * @typedef {{inputs: TensorSpec[], outputs: TensorSpec[]}} Signature
 * @typedef {{scale: number, mean: number[], std: number[]}} Preprocessing
 * @typedef {object} StageRecord
 * @property {number} stage Counted from 1.
 * @property {number} macs Multiply-adds of its subnetwork.
 * @property {number} step_macs Multiply-adds of its step alone.
 * @property {number} parameters
 * @property {number} step_parameters
 * @property {number | null} top1_error
 */

export const FORMAT = "keras_anytime";
export const FORMAT_VERSION = 1;
/** The name of a network's only input, whatever it takes. */
export const SINGLE_INPUT = "image";

// That of Python. A manifest of a thousand classes and a hundred signatures
// takes 1 MB.
const MAX_BYTES = 4 * 2 ** 20;

/** What an exported file contains, and how it is run. */
export class Manifest {
  /** @param {Record<string, any>} fields The fields of the JSON text. */
  constructor(fields) {
    /** The fields as the file has them, such as `thresholds`. */
    this.fields = fields;
    /** @type {StageRecord[]} */
    this.stages = fields.stages;
    /** @type {Record<string, Signature>} */
    this.signatures = fields.signatures;
    /** @type {number[] | null} */
    this.thresholds = fields.thresholds ?? null;
    /** @type {string[] | null} */
    this.labelSets = fields.label_sets ?? null;
    /** The probabilities of a stage are a product over the stages up to it. */
    this.productAnswers = fields.product_answers ?? false;
  }

  /**
   * Reads the text of a manifest and checks it.
   *
   * @param {string} text
   * @param {string} where Where it is from, for errors.
   * @returns {Promise<Manifest>}
   * @throws {AnytimeError} If it is none, or damaged, or of another version.
   */
  static async read(text, where) {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > MAX_BYTES) {
      throw new AnytimeError(
        `${where} is larger than a manifest, of which the largest have ` +
        `${MAX_BYTES} bytes. Received: ${bytes} bytes`);
    }
    let fields;
    let canonical;
    try {
      fields = record(JSON.parse(text));
      canonical = canonicalJson(text, "checksum");
    } catch {
      fields = {};
    }
    if (canonical === undefined || fields.format === undefined) {
      throw new AnytimeError(`${where} is not a manifest of ${FORMAT}.`);
    }
    const {format, format_version: version} = fields;
    if (format !== FORMAT || version !== FORMAT_VERSION) {
      throw new AnytimeError(
        `${where} has a format that this page does not read: it reads ` +
        `${FORMAT} version ${FORMAT_VERSION}. ` +
        `Received: ${shown(format)} version ${shown(version)}`);
    }
    const checksum = await sha256(new TextEncoder().encode(canonical));
    try {
      return checked(fields, checksum);
    } catch (error) {
      if (!(error instanceof AnytimeError)) throw error;
      throw new AnytimeError(
        `${where} is damaged: ${error.message}.`, {cause: error});
    }
  }

  /** @returns {number} The number of stages K. */
  get numStages() {
    return this.stages.length;
  }

  /** @returns {boolean} Whether the network runs step by step. */
  get interruptible() {
    return `step_${this.stages[0].stage}` in this.signatures;
  }

  /**
   * @returns {string[]} The signatures that answer stage after stage, in order.
   */
  get programNames() {
    const kind = this.interruptible ? "step" : "subnet";
    return this.stages.map(({stage}) => `${kind}_${stage}`);
  }

  /** @returns {string[]} */
  get inputNames() {
    return this.fields.inputs ?? [SINGLE_INPUT];
  }

  /** @returns {Record<string, TensorSpec>} */
  get inputSpecs() {
    const programs = this.programNames.map((name) => this.signatures[name]);
    const specs = programs.flatMap(({inputs}) => inputs);
    return Object.fromEntries(this.inputNames.flatMap((name) => {
      const found = specs.find((spec) => spec.name === name);
      return found ? [[name, found]] : [];
    }));
  }

  /**
   * @returns {string | null} The only input that takes images
   *   `(height, width, channels)`; null if there is none, or more than one.
   */
  get imageInput() {
    const images = Object.values(this.inputSpecs)
      .filter(({shape}) => shape.length === 4);
    return images.length === 1 ? images[0].name : null;
  }

  /**
   * @returns {[string | null, string][]} Label sets and the names of their
   *   logits; the label set of a network with one is null.
   */
  get logitsNames() {
    return this.labelSets?.map((name) => [name, `logits_${name}`]) ??
      [[null, "logits"]];
  }

  /**
   * Returns the task of a label set.
   *
   * @param {string | null} [labelSet] The first set, if not given.
   * @returns {string | null} Null for the choice of one class.
   */
  task(labelSet = this.logitsNames[0][0]) {
    const task = this.fields.task ?? null;
    if (task && typeof task === "object") return task[String(labelSet)];
    return labelSet === this.logitsNames[0][0] ? task : null;
  }

  /**
   * Returns the names of the classes of a label set.
   *
   * @param {string | null} [labelSet] The first set, if not given.
   * @returns {string[] | null} In the order of the logits.
   */
  classNames(labelSet = this.logitsNames[0][0]) {
    const names = this.fields.class_names;
    return labelSet === null || names === null ? names : names[labelSet];
  }

  /**
   * Returns what divides the logits of a stage before its confidence.
   *
   * @param {number} index The index of the stage, from 0.
   * @returns {number}
   */
  temperature(index) {
    return this.fields.temperatures?.[index] ?? 1;
  }

  /**
   * Returns a tensor that a program leaves.
   *
   * @param {string} program
   * @param {string} name
   * @returns {TensorSpec}
   */
  output(program, name) {
    return /** @type {TensorSpec} */ (
      this.signatures[program].outputs.find((spec) => spec.name === name));
  }
}

/**
 * Returns the SHA-256 of bytes, in hexadecimal digits.
 *
 * @param {BufferSource} bytes
 * @returns {Promise<string>}
 */
export async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) {
    throw new AnytimeError(
      "The browser computes checksums for safe pages only: open this page " +
      "with https://, or from this computer with http://localhost.");
  }
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return [...new Uint8Array(digest)]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Makes a manifest of fields that pass all checks.
 *
 * The checksum is that of all fields, so that what has it is as the export
 * wrote and checked it. The other checks are for files that were written by
 * others.
 *
 * @param {Record<string, any>} fields
 * @param {string} checksum That of the fields.
 * @returns {Manifest}
 */
function checked(fields, checksum) {
  checkFields(fields);
  const manifest = new Manifest(fields);
  checkPrograms(manifest);
  if (fields.checksum !== checksum) {
    throw new AnytimeError("its checksum does not match its fields");
  }
  checkForPages(manifest);
  return manifest;
}
