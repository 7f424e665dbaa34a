/** The programs of an exported file, run by LiteRT in a worker. */

import {DTYPES} from "./dtypes.js";
import {AnytimeError, reasonOf, shown} from "./errors.js";

/**
 * @typedef {import("./dtypes.js").TypedArray} TypedArray
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {import("./manifest.js").TensorSpec} TensorSpec
 * @typedef {any} Tensor A `LiteRtTensorBuffer`, freed by `delete()`.
 */

/**
 * The programs of a file.
 *
 * The classes of the package `@litertjs/core` know float32, int32 and uint8
 * only. This one calls the functions under them, which take all types, so that
 * files of 8 bits run too.
 */
export class Programs {
  /**
   * @param {any} litert The started WebAssembly of LiteRT.
   * @param {ArrayBuffer} file
   * @param {Manifest} manifest
   * @returns {Promise<Programs>}
   * @throws {AnytimeError} If the file is none, or not that of its manifest.
   */
  static async open(litert, file, manifest) {
    const programs = new Programs(litert, manifest);
    try {
      await programs.#compile(new Uint8Array(file));
    } catch (error) {
      if (error instanceof AnytimeError) throw error;
      throw new AnytimeError(
        "The file cannot be opened; it is damaged, or LiteRT cannot run it: " +
        `${reasonOf(error)}.`, {cause: error});
    }
    return programs;
  }

  /**
   * @param {any} litert
   * @param {Manifest} manifest
   */
  constructor(litert, manifest) {
    this.#litert = litert;
    this.#manifest = manifest;
    this.#signatures = /** @type {Record<string, any>} */ ({});
  }

  #litert;
  #manifest;
  #signatures;
  /** @type {any} */
  #environment;
  /** @type {any} */
  #compiled;

  /**
   * Makes the tensors of an example.
   *
   * @param {Record<string, TypedArray>} example Values of each input.
   * @returns {Record<string, Tensor>}
   */
  tensors(example) {
    return Object.fromEntries(Object.entries(example)
      .map(([name, values]) => [name, this.#tensor(name, values)]));
  }

  /**
   * Runs a program.
   *
   * @param {string} name
   * @param {Record<string, Tensor>} tensors What earlier steps left, by name.
   * @returns {Promise<Record<string, Tensor>>} What this one leaves.
   */
  async run(name, tensors) {
    const {index, inputs, outputs} = this.#signatures[name];
    const results = await this.#compiled.run(
      index, inputs.map((/** @type {string} */ input) => tensors[input]));
    return Object.fromEntries(outputs.map(
      (/** @type {string} */ output, /** @type {number} */ at) =>
        [output, results[at]]));
  }

  /**
   * Returns the values of an output for the first example of the batch.
   *
   * @param {Tensor} tensor
   * @param {TensorSpec} spec
   * @returns {Float32Array | Float64Array} Integers as the floats they mean.
   */
  read(tensor, spec) {
    const {array} = DTYPES[spec.dtype];
    const start = tensor.lock(this.#litert.LiteRtTensorBufferLockMode.READ);
    let values;
    try {
      const bytes = this.#litert.HEAPU8.slice(
        start, start + tensor.packedSize());
      values = new array(bytes.buffer);
    } finally {
      tensor.unlock();
    }
    const type = tensor.tensorType();
    const [batch] = dimensions(type);
    type.delete();
    values = values.subarray(0, values.length / batch);
    if (spec.quantization === null) return values;
    const scale = Math.fround(spec.quantization.scale);
    const {zero_point: zeroPoint} = spec.quantization;
    // The precision of each operation is that of NumPy's float32.
    return Float32Array.from(values, (/** @type {number} */ value) =>
      scale * Math.fround(Math.fround(value) - zeroPoint));
  }

  /** @param {Uint8Array} file */
  async #compile(file) {
    const litert = this.#litert;
    litert.setupLogging();
    this.#environment = litert.LiteRtEnvironment.create(null);
    // The model reads this memory as long as it lives.
    const start = litert._malloc(file.length);
    litert.HEAPU8.set(file, start);
    const model = litert.loadModel(this.#environment, start, file.length);
    for (let index = 0; index < model.getNumSignatures(); index += 1) {
      const signature = model.getSignature(index);
      this.#signatures[signature.key()] = {
        index,
        inputs: entriesOf(signature.inputNames()),
        outputs: entriesOf(signature.outputNames()),
      };
      signature.delete();
    }
    const missing = this.#manifest.programNames
      .filter((name) => !(name in this.#signatures));
    if (missing.length) {
      throw new AnytimeError(`The file lacks the signatures ${shown(missing)}.`);
    }
    this.#types = this.#checked(model);
    this.#compiled = await litert.compileModel(this.#environment, model, {
      environment: {liteRtEnvironment: this.#environment},
      accelerator: "wasm",
      cpuOptions: {numThreads: litert.getThreadCount()},
      gpuOptions: {},
      webNNOptions: {},
    });
  }

  /** @type {Record<string, any>} */
  #types = {};

  /**
   * Compares the tensors of the file with the manifest.
   *
   * @param {any} model
   * @returns {Record<string, any>} The types of the network's inputs.
   */
  #checked(model) {
    /** @type {Record<string, any>} */
    const types = {};
    for (const program of this.#manifest.programNames) {
      const {index, inputs, outputs} = this.#signatures[program];
      const wanted = this.#manifest.signatures[program];
      const sides = /** @type {[string[], TensorSpec[], string][]} */ ([
        [inputs, wanted.inputs, "getInputTensorType"],
        [outputs, wanted.outputs, "getOutputTensorType"],
      ]);
      for (const [actual, specs, getType] of sides) {
        const kept = specs.filter((spec) => {
          const at = actual.indexOf(spec.name);
          if (at < 0) return false;
          const type = model[getType](index, at);
          const same = matches(spec, type);
          if (this.#manifest.inputNames.includes(spec.name)) {
            types[spec.name] = type;
          } else {
            type.delete();
          }
          return same;
        });
        if (kept.length < actual.length || kept.length < specs.length) {
          const known = kept.map((spec) => spec.name);
          const different = [...actual, ...specs.map((spec) => spec.name)]
            .filter((name) => !known.includes(name));
          throw new AnytimeError(
            "The file is not that of its manifest: in the signature " +
            `${program} they differ in ${shown([...new Set(different)])}. ` +
            "Export it again.");
        }
      }
    }
    return types;
  }

  /**
   * @param {string} name
   * @param {TypedArray} values Of one example, repeated to fill the batch.
   * @returns {Tensor}
   */
  #tensor(name, values) {
    const litert = this.#litert;
    const type = this.#types[name];
    const tensor = litert.LiteRtTensorBuffer.createManaged(
      this.#environment, litert.LiteRtTensorBufferType.HOST_MEMORY, type,
      type.bytes());
    const bytes = new Uint8Array(
      values.buffer, values.byteOffset, values.byteLength);
    const start = tensor.lock(litert.LiteRtTensorBufferLockMode.WRITE);
    try {
      for (let at = 0; at < type.bytes(); at += bytes.length) {
        litert.HEAPU8.set(bytes, start + at);
      }
    } finally {
      tensor.unlock();
    }
    return tensor;
  }
}

/**
 * Returns whether a tensor has the shape and dtype of the manifest. Either
 * batch size may be open.
 *
 * @param {TensorSpec} spec
 * @param {any} type
 * @returns {boolean}
 */
function matches(spec, type) {
  const sizes = dimensions(type);
  return DTYPES[spec.dtype]?.number === type.elementType().value &&
    sizes.length === spec.shape.length &&
    spec.shape.every((size, axis) => size === sizes[axis] ||
      (axis === 0 && size === null));
}

/**
 * @param {any} type
 * @returns {number[]}
 */
function dimensions(type) {
  const layout = type.layout();
  const sizes = entriesOf(layout.dimensions());
  layout.delete();
  return sizes;
}

/**
 * Returns the entries of a C++ vector, and frees it.
 *
 * @param {any} vector
 * @returns {any[]}
 */
function entriesOf(vector) {
  const entries = Array.from({length: vector.size()}, (_, at) => vector.get(at));
  vector.delete();
  return entries;
}
