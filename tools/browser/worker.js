/**
 * The worker that runs the steps of an exported file, call after call.
 *
 * It is a classic worker, because LiteRT's script is one, and loads modules
 * when it opens a file. A running step cannot be stopped; between two steps it
 * looks whether its call has ended.
 */

/** The calls that have not ended, by their numbers. */
const calls = new Map();
let opened;
// Calls take turns.
let last = Promise.resolve();

self.onmessage = ({data}) => {
  if (data.type === "open") opened = open(data);
  if (data.type === "run") {
    calls.set(data.id, data);
    const run = () => answer(data);
    last = last.then(run, run);
  }
  if (data.type === "stop") calls.delete(data.id);
};

/** Starts LiteRT and opens the file; says when it is done. */
async function open({runtime, file, fields}) {
  try {
    const [{Programs}, {Manifest}, {Answers}, clock] = await modules();
    const manifest = new Manifest(fields);
    const litert = await start(runtime);
    const programs = await Programs.open(litert, file, manifest);
    self.postMessage({type: "opened"});
    return {Answers, clock, manifest, programs};
  } catch (error) {
    // The page ends the worker.
    self.postMessage({type: "failed", message: sentence(error, runtime)});
    return null;
  }
}

/** Loads what runs the steps. */
async function modules() {
  try {
    return await Promise.all([
      import("./programs.js"), import("./manifest.js"),
      import("./answers.js"), import("./clock.js"),
    ]);
  } catch (error) {
    const refusal = new Error(
      "A module beside worker.js cannot be loaded: copy all that are in the " +
      `folder tools/browser of keras_anytime (${error.message}).`);
    refusal.name = "AnytimeError";
    throw refusal;
  }
}

/** Starts LiteRT, whose WebAssembly the page has compiled. */
function start({script, module}) {
  return new Promise((resolve, reject) => {
    self.importScripts(script);
    self.ModuleFactory({
      instantiateWasm: (imports, received) => {
        WebAssembly.instantiate(module, imports)
          .then((instance) => received(instance, module), reject);
      },
    }).then(resolve, reject);
  });
}

/** Runs the steps of a call one after another. */
async function answer(call) {
  const {Answers, clock, manifest, programs} = await opened;
  const answers = new Answers(manifest);
  const tensors = Object.create(null);  // Any name may be that of a tensor.
  let message = null;
  try {
    Object.assign(tensors, programs.tensors(call.inputs));
    for (const [index, program] of manifest.programNames.entries()) {
      await clock.turn();
      if (!calls.has(call.id) || !isWorthStarting(call, index, clock)) break;
      const outputs = await programs.run(program, tensors);
      for (const [name, tensor] of Object.entries(outputs)) {
        tensors[name]?.delete();
        tensors[name] = tensor;
      }
      const logits = manifest.logitsNames.map(([labelSet, name]) => {
        const spec = manifest.output(program, name);
        const values = programs.read(tensors[name], spec);
        return [labelSet, values, spec.shape.at(-1)];
      });
      const result = answers.add(index, logits);
      self.postMessage({
        type: "answer",
        id: call.id,
        stage: manifest.stages[index].stage,
        elapsedMs: clock.now() - call.start,
        answer: result,
      });
      if (result.confidence > (call.thresholds[index] ?? Infinity)) break;
    }
  } catch (error) {
    message = `A step failed: ${error?.message ?? error}.`;
  }
  // The end is told first: freeing may fail too, and the next call must run.
  calls.delete(call.id);
  self.postMessage({type: "end", id: call.id, message});
  for (const tensor of Object.values(tensors)) tensor.delete();
}

/**
 * Tells if a step can be expected to end before the deadline. The first step
 * begins however long it takes, because any answer is better than none.
 */
function isWorthStarting({start, deadlineMs, stepMs}, index, clock) {
  if (deadlineMs === null) return true;
  const elapsed = clock.now() - start;
  return elapsed < deadlineMs &&
    (index === 0 || elapsed + (stepMs?.[index] ?? 0) <= deadlineMs);
}

/** Returns why a file could not be opened, in one sentence. */
function sentence(error, runtime) {
  if (error?.name === "AnytimeError") return error.message;
  return "LiteRT cannot be started: `wasmUrl` must be the folder wasm/ of the " +
    `npm package @litertjs/core, and ${runtime.script} fails ` +
    `(${error?.message ?? error}).`;
}
