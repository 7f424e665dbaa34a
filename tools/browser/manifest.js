/** The manifest of an exported network: what its file contains. */

import {canonicalJson} from "./canonical_json.js";
import {AnytimeError, shown} from "./errors.js";

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

const REQUIRED = ["kind", "name", "stages", "signatures", "sha256",
  "class_names", "preprocessing", "versions"];
const OPTIONAL = ["label_sets", "thresholds", "temperatures", "quantization",
  "pixels", "verified", "resizable", "task", "inputs", "tokens",
  "product_answers", "risk"];
const TASKS = [null, "binary", "multi_label", "regression", "segmentation"];

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
    this.productAnswers = fields.product_answers === true;
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
    let fields;
    try {
      fields = JSON.parse(text);
    } catch {
      fields = null;
    }
    if (!isRecord(fields) || fields.format === undefined) {
      throw new AnytimeError(`${where} is not a manifest of ${FORMAT}.`);
    }
    const {format, format_version: version} = fields;
    if (format !== FORMAT || version !== FORMAT_VERSION) {
      throw new AnytimeError(
        `${where} has a format that this page does not read: it reads ` +
        `${FORMAT} version ${FORMAT_VERSION}. ` +
        `Received: ${shown(format)} version ${shown(version)}`);
    }
    const problem = await findProblem(fields, text);
    if (problem) throw new AnytimeError(`${where} is damaged: ${problem}.`);
    return new Manifest(fields);
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
    if (isRecord(task)) return task[String(labelSet)] ?? null;
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
 * Returns what is wrong with the fields of a manifest.
 *
 * The checksum is that of all fields, so that what has it is as the export
 * wrote and checked it. The other checks are for fields that this version does
 * not know, and for files that were written by others.
 *
 * @param {Record<string, any>} fields
 * @param {string} text
 * @returns {Promise<string | null>}
 */
async function findProblem(fields, text) {
  const missing = REQUIRED.filter((name) => !(name in fields));
  if (missing.length) return `it lacks ${missing.join(", ")}`;
  const known = [...REQUIRED, ...OPTIONAL, "format", "format_version",
    "checksum"];
  const unknown = Object.keys(fields).filter((name) => !known.includes(name));
  if (unknown.length) return `it has unknown fields ${shown(unknown)}`;
  const canonical = new TextEncoder().encode(canonicalJson(text, "checksum"));
  if (fields.checksum !== await sha256(canonical)) {
    return "its checksum does not match its fields";
  }
  return findProblemOfPrograms(fields);
}

/**
 * @param {Record<string, any>} fields
 * @returns {string | null}
 */
function findProblemOfPrograms(fields) {
  if (fields.kind !== "tflite") {
    return `web pages run files of kind tflite, not ${shown(fields.kind)}`;
  }
  const {stages, signatures} = fields;
  if (!Array.isArray(stages) || !stages.length || !isRecord(signatures) ||
      stages.some((stage, index) =>
        !(stage?.stage > (index ? stages[index - 1].stage : 0)))) {
    return "stages are not numbered in order, from 1";
  }
  const manifest = new Manifest(fields);
  const available = new Set(manifest.inputNames);
  for (const name of manifest.programNames) {
    const {inputs, outputs} = signatures[name] ?? {};
    if (![inputs, outputs].every((tensors) => Array.isArray(tensors) &&
        tensors.every(isTensor))) {
      return `the signature ${name} is missing or malformed`;
    }
    /** @param {TensorSpec[]} tensors */
    const names = (tensors) => tensors.map((tensor) => tensor.name);
    const unread = names(inputs).filter((input) => !available.has(input));
    const lacking = manifest.logitsNames.map(([, logits]) => logits)
      .filter((logits) => !names(outputs).includes(logits));
    if (unread.length || lacking.length) {
      return `the signature ${name} reads or lacks ` +
        shown([...unread, ...lacking]);
    }
    for (const output of names(outputs)) available.add(output);
  }
  if (manifest.inputNames.some((name) => !(name in manifest.inputSpecs))) {
    return "no signature reads one of the inputs";
  }
  for (const [field, length, fits, wanted] of /** @type {const} */ ([
    ["thresholds", stages.length - 1, isShare, "numbers from 0 to 1"],
    ["temperatures", stages.length, isFactor, "finite numbers above 0"]])) {
    const values = fields[field] ?? null;
    if (values !== null && !(Array.isArray(values) &&
        values.length === length && values.every(fits))) {
      return `${field} must be ${length} ${wanted}`;
    }
  }
  if (!["boolean", "undefined"].includes(typeof fields.product_answers)) {
    return "product_answers must be true or false";
  }
  for (const [labelSet, logits] of manifest.logitsNames) {
    const names = manifest.classNames(labelSet) ?? null;
    const classes = manifest.output(manifest.programNames[0], logits)
      .shape.at(-1);
    const lengths = classes === 1 ? [1, 2] : [classes];
    if (names !== null && !(Array.isArray(names) &&
        names.every((name) => typeof name === "string") &&
        lengths.includes(names.length))) {
      return `class names must be ${classes} texts`;
    }
  }
  const tasks = manifest.logitsNames.map(([name]) => manifest.task(name));
  const odd = tasks.filter((task) => !TASKS.includes(task));
  if (odd.length) return `this page knows no task ${shown(odd[0])}`;
  if (manifest.productAnswers && tasks.some((task) => task !== null)) {
    return "product answers are for choices of one class";
  }
  return null;
}

/**
 * @param {any} tensor
 * @returns {boolean}
 */
function isTensor(tensor) {
  return typeof tensor?.name === "string" && typeof tensor.dtype === "string" &&
    Array.isArray(tensor.shape) && tensor.shape.length > 0;
}

/**
 * @param {unknown} value
 * @returns {boolean}
 */
function isShare(value) {
  return typeof value === "number" && value >= 0 && value <= 1;
}

/**
 * @param {unknown} value
 * @returns {boolean}
 */
function isFactor(value) {
  return Number.isFinite(value) && Number(value) > 0;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
