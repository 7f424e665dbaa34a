/**
 * The rules that the fields of a manifest follow, alone and together: those of
 * `keras_anytime/manifest/schema.py`, and what web pages need beyond them.
 */

import {AnytimeError, shown} from "./errors.js";
import * as values from "./values.js";

/**
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {import("./manifest.js").TensorSpec} TensorSpec
 * @typedef {import("./values.js").Check} Check
 */

const FORMAT_FIELDS = ["format", "format_version", "checksum"];
// Integers of a stage that are 0 or more.
const COUNTS = ["macs", "parameters", "step_macs", "step_parameters"];
// Manifests of earlier versions do not have these fields of a stage.
const STAGE_OPTIONAL = ["error", "miou"];
const TASKS = ["binary", "multi_label", "regression", "segmentation"];

/** @type {Record<string, Check>} */
const REQUIRED = {
  kind: values.text,
  name: values.text,
  stages: (stages) => values.items(stages).forEach(checkStage),
  signatures: checkSignatures,
  sha256: values.text,
  class_names: values.orNull((names) =>
    (Array.isArray(names) ? [names] : Object.values(values.record(names)))
      .forEach(values.texts)),
  preprocessing: values.orNull((record) => values.normalization(record)),
  versions: (versions) =>
    Object.values(values.record(versions)).forEach(values.text),
};
// Manifests of earlier versions do not have these fields.
/** @type {Record<string, Check>} */
const OPTIONAL = {
  label_sets: values.orNull(values.names),
  thresholds: values.orNull((entries) =>
    values.items(entries).forEach(values.share)),
  temperatures: values.orNull((entries) =>
    values.items(entries).forEach(values.divisor)),
  product_answers: values.flag,
  risk: values.orNull(checkRisk),
  quantization: values.orNull(values.text),
  pixels: values.orNull(values.pixels),
  verified: values.orNull(values.measurements),
  resizable: values.flag,
  task: values.orNull(checkTask),
  inputs: values.orNull(values.names),
  tokens: values.orNull((tokens) => Object.values(values.record(tokens))
    .forEach((count) => values.integer(count, 1))),
};

/**
 * Checks each field of a manifest by itself.
 *
 * @param {Record<string, any>} fields
 * @throws {AnytimeError} If a field is missing, unknown or malformed.
 */
export function checkFields(fields) {
  const checks = {...REQUIRED, ...OPTIONAL};
  const missing = Object.keys(REQUIRED)
    .filter((name) => !Object.hasOwn(fields, name));
  if (missing.length) throw new AnytimeError(`it lacks ${shown(missing)}`);
  const unknown = Object.keys(fields).filter((name) =>
    !Object.hasOwn(checks, name) && !FORMAT_FIELDS.includes(name));
  if (unknown.length) {
    throw new AnytimeError(`it has unknown fields ${shown(unknown)}`);
  }
  for (const [name, check] of Object.entries(checks)) {
    if (Object.hasOwn(fields, name)) under(name, () => check(fields[name]));
  }
  const {class_names: names, task} = fields;
  const labelSets = fields.label_sets ?? null;
  if (names !== null && labelSets === null) values.items(names);
  if (names !== null && labelSets !== null) values.record(names, labelSets);
  if (task && typeof task === "object") {
    if (labelSets === null) {
      values.refuse(task, "the task of a network without label sets");
    }
    values.record(task, labelSets);
  }
}

/**
 * Checks that the programs of a manifest run one after another.
 *
 * @param {Manifest} manifest One whose fields passed `checkFields`.
 * @throws {AnytimeError} If stages are not numbered in order, if signatures are
 *   missing or unknown, if a program reads something other than the inputs and
 *   the features that earlier steps leave, or if programs disagree on an input.
 */
export function checkPrograms(manifest) {
  const {stages, signatures, inputNames} = manifest;
  if (!stages.length || stages.some(({stage}, at) =>
    at > 0 && stage <= stages[at - 1].stage)) {
    throw new AnytimeError("stages are not numbered in order, from 1");
  }
  const given = Object.keys(signatures);
  // A network that cannot run step by step has no step at all, and a file may
  // have no subnetworks.
  const programs = ["step", "subnet"]
    .filter((kind) => given.some((name) => name.startsWith(`${kind}_`)))
    .flatMap((kind) => stages.map(({stage}) => `${kind}_${stage}`));
  const odd = [...programs.filter((name) => !given.includes(name)),
    ...given.filter((name) => !programs.includes(name))];
  if (odd.length || !programs.length) {
    throw new AnytimeError(
      `signatures of stages are missing or unknown: ${shown(odd)}`);
  }
  const available = new Set(inputNames);  // What a step may read.
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const name of programs) {
    const {inputs, outputs} = signatures[name];
    const read = inputs.map((tensor) => tensor.name);
    const left = outputs.map((tensor) => tensor.name);
    const isStep = name.startsWith("step_");
    if (read.some((tensor) =>
      !(isStep ? available.has(tensor) : inputNames.includes(tensor)))) {
      throw new AnytimeError(
        `the signature ${name} reads ${shown(read)}, and not just the inputs ` +
        "and what earlier steps leave");
    }
    for (const tensor of inputs) {
      const same = detailsOf(tensor);
      if (!found.has(tensor.name)) found.set(tensor.name, same);
      if (inputNames.includes(tensor.name) && same !== found.get(tensor.name) &&
          manifest.programNames.includes(name)) {
        throw new AnytimeError(
          `the signature ${name} takes another ${shown(tensor.name)} than ` +
          "those before it");
      }
    }
    const taken = left.filter((tensor) => inputNames.includes(tensor));
    if (taken.length) {
      throw new AnytimeError(
        `the signature ${name} replaces the input ${shown(taken)}`);
    }
    const lacking = manifest.logitsNames.map(([, logits]) => logits)
      .filter((logits) => !left.includes(logits));
    if (lacking.length) {
      throw new AnytimeError(
        `the signature ${name} gives no ${shown(lacking)}`);
    }
    for (const tensor of left) available.add(tensor);
  }
  const unread = inputNames.filter((name) =>
    !Object.hasOwn(manifest.inputSpecs, name));
  if (unread.length) {
    throw new AnytimeError(`no signature reads the inputs ${shown(unread)}`);
  }
  const tokens = Object.keys(manifest.fields.tokens ?? {})
    .filter((name) => !inputNames.includes(name));
  if (tokens.length) {
    throw new AnytimeError(`it has tokens of no input ${shown(tokens)}`);
  }
  checkLengths(manifest);
  const tasks = manifest.logitsNames.map(([name]) => manifest.task(name));
  if (manifest.productAnswers && tasks.some((task) => task !== null)) {
    throw new AnytimeError(
      "it has product answers of another task than classes");
  }
  if ((manifest.fields.risk ?? null) !== null && manifest.thresholds === null) {
    throw new AnytimeError("it has a risk and no thresholds");
  }
}

/**
 * Checks what web pages need, and other readers do not.
 *
 * @param {Manifest} manifest One that passed `checkPrograms`.
 * @throws {AnytimeError}
 */
export function checkForPages(manifest) {
  const {kind} = manifest.fields;
  if (kind !== "tflite") {
    throw new AnytimeError(
      `web pages run files of kind tflite, not ${shown(kind)}`);
  }
  for (const [labelSet, logits] of manifest.logitsNames) {
    const names = manifest.classNames(labelSet);
    const classes = manifest.output(manifest.programNames[0], logits)
      .shape.at(-1) ?? 1;
    const lengths = classes === 1 ? [1, 2] : [classes];
    if (names !== null && !lengths.includes(names.length)) {
      throw new AnytimeError(
        `class names must be ${classes}, and are ${names.length}`);
    }
  }
}

/**
 * Checks the lengths of lists against the stages and the channels.
 *
 * @param {Manifest} manifest
 */
function checkLengths(manifest) {
  const {fields, numStages} = manifest;
  for (const [field, length] of /** @type {const} */ ([
    ["thresholds", numStages - 1], ["temperatures", numStages]])) {
    values.orNull((list) => under(field, () => values.items(list, [length])))(
      fields[field] ?? null);
  }
  for (const field of ["preprocessing", "pixels"]) {
    const record = fields[field] ?? null;
    if (record === null) continue;
    let name = manifest.imageInput;
    if (field === "preprocessing" && !fields.inputs) {
      // The values of a single input that takes no images.
      name ??= manifest.inputNames[0];
    }
    if (name === null) {
      throw new AnytimeError("it prepares pixels, but no input takes images");
    }
    const channels = manifest.inputSpecs[name].shape.at(-1) ?? 1;
    for (const list of [record.mean, record.std]) {
      under(field, () => values.items(list, [1, channels]));
    }
  }
}

/**
 * Runs the check of a field, and names the field if it fails.
 *
 * @param {string} field
 * @param {() => void} check
 */
function under(field, check) {
  try {
    check();
  } catch (error) {
    if (!(error instanceof AnytimeError)) throw error;
    throw new AnytimeError(`${field}: ${error.message}`, {cause: error});
  }
}

/** @type {Check} */
function checkStage(stage) {
  const added = STAGE_OPTIONAL.filter((name) =>
    Object.hasOwn(values.record(stage), name));
  values.record(stage, ["stage", ...COUNTS, "top1_error", ...added]);
  values.integer(stage.stage, 1);
  for (const name of COUNTS) values.integer(stage[name]);
  values.orNull(values.share)(stage.top1_error);
  values.orNull((error) => values.number(error, 0))(stage.error ?? null);
  values.orNull(values.share)(stage.miou ?? null);
}

/** @type {Check} */
function checkSignatures(signatures) {
  for (const signature of Object.values(values.record(signatures))) {
    const {inputs, outputs} = values.record(signature, ["inputs", "outputs"]);
    for (const tensors of [inputs, outputs]) {
      values.items(tensors).forEach(checkTensor);
      values.names(tensors.map((/** @type {TensorSpec} */ {name}) => name));
    }
  }
}

/** @type {Check} */
function checkTensor(tensor) {
  values.record(tensor, ["name", "shape", "dtype", "quantization"]);
  values.text(tensor.name);
  values.shape(tensor.shape);
  values.dtype(tensor.dtype);
  values.orNull((record) => values.quantization(record, tensor.dtype))(
    tensor.quantization);
}

/** @type {Check} */
function checkTask(task) {
  const entries = typeof task === "object" && !Array.isArray(task)
    ? Object.values(task) : [task];
  for (const entry of entries) {
    if (entry !== null && !TASKS.includes(entry)) {
      values.refuse(entry, `one of ${TASKS.join(", ")}`);
    }
  }
}

/** @type {Check} */
function checkRisk(risk) {
  values.record(risk, ["risk", "level", "examples"]);
  for (const value of [risk.risk, risk.level]) {
    values.share(value);
    if (value === 0 || value === 1) {
      values.refuse(value, "a number between 0 and 1");
    }
  }
  values.integer(risk.examples, 1);
}

/**
 * Returns what tells two tensors of one name apart.
 *
 * @param {TensorSpec} tensor
 * @returns {string}
 */
function detailsOf({shape, dtype, quantization}) {
  return JSON.stringify(
    [shape, dtype, quantization?.scale, quantization?.zero_point]);
}
