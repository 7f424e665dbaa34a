/** Deadlines, interrupts, and pages that stay responsive. */

import assert from "node:assert/strict";
import {existsSync, readFileSync} from "node:fs";
import {test} from "node:test";

import {browser} from "./setup.mjs";

// Other programs may take the processors for a while: what is measured in
// milliseconds counts if it is right in one of so many tries.
const TRIES = 30;

const made = await browser();
const page = await made.open();
await page.run(async () => {
  const {AnytimePredictor} = await import("/anytime.js");
  globalThis.load = (name) =>
    AnytimePredictor.load(`/files/${name}.tflite`);
  globalThis.slow = await load("slow");
  globalThis.image = new Float32Array(64 * 64 * 4);
  /** The times of all answers. */
  globalThis.times = async () => {
    const found = [];
    for await (const {elapsedMs} of slow.stream(image)) found.push(elapsedMs);
    return found;
  };
  await times();
});

test("no deadline gives the last stage", async () => {
  assert.deepEqual(await page.run(async () => {
    const results = [
      await slow.predict(image),
      await slow.predict(image, {deadlineMs: null}),
      await slow.predict(image, {deadlineMs: Infinity}),
    ];
    return results.map(({stage, ready}) => [stage, ready]);
  }), Array(3).fill([3, true]));
});

test("a deadline of 0 gives no stage", async () => {
  assert.deepEqual(await page.run(async () => {
    const result = await slow.predict(image, {deadlineMs: 0});
    return [result.stage, result.ready, result.logits, result.top(3)];
  }), [0, false, null, []]);
});

test("a deadline between two steps gives the one before, and at once",
  async (context) => {
    const [stages, late] = await page.run(async (tries) => {
      const stages = new Set();
      let late = Infinity;
      for (let run = 0; run < tries && !(stages.size && late < 20); run += 1) {
        const [first, second, third] = await times();
        for (const [wanted, from, to] of [[1, first, second], [2, second, third]]) {
          const deadlineMs = (from + to) / 2;
          const start = performance.now();
          const {stage} = await slow.predict(image, {deadlineMs});
          late = Math.min(late, performance.now() - start - deadlineMs);
          if (stage === wanted) stages.add(stage);
          await slow.predict(image);  // The running step ends.
        }
        if (stages.size < 2) late = Infinity;
      }
      return [[...stages].sort(), late];
    }, TRIES);
    context.diagnostic(`it came ${late.toFixed(1)} ms after its deadline`);
    assert.deepEqual(stages, [1, 2]);
    assert.ok(late >= 0 && late <= 20);
  });

test("a step that would end too late is not begun", async () => {
  const [stage, waited] = await page.run(async () => {
    slow.latency = {medianMs: [1e6, 1e6, 1e6]};
    const start = performance.now();
    const {stage} = await slow.predict(image, {deadlineMs: 30000});
    slow.latency = null;
    return [stage, performance.now() - start];
  });
  assert.equal(stage, 1);  // Any answer is better than none.
  assert.ok(waited < 20000);
});

test("a sure answer is final", async () => {
  assert.deepEqual(await page.run(async () => {
    const found = [];
    for (const confidence of [0, [1, 0], 1, [1, 1], null]) {
      found.push((await slow.predict(image, {confidence})).stage);
    }
    return found;
  }), [1, 2, 3, 3, 3]);
});

test("interrupt() answers at once, and the next call is whole", async () => {
  const waited = await page.run(async (tries) => {
    let best = Infinity;
    for (let run = 0; run < tries && best > 20; run += 1) {
      const call = slow.predict(image);
      const stream = slow.stream(image);
      const next = stream.next();
      await new Promise((resolve) => setTimeout(resolve, 30));
      const start = performance.now();
      slow.interrupt();
      const {stage} = await call;
      best = Math.min(best, performance.now() - start);
      if (stage > 2) best = Infinity;
      if (!(await next).done && !(await stream.next()).done) {
        throw new Error("the stream goes on");
      }
      const {stage: last} = await slow.predict(image);
      if (last !== 3) throw new Error(`then stage ${last} answered`);
    }
    slow.interrupt();  // Nothing to interrupt.
    return best;
  }, TRIES);
  assert.ok(waited <= 20, `it took ${waited} ms`);
});

test("the page stays responsive while a step runs", async (context) => {
  const {longest, gap} = await page.run(async (tries) => {
    const best = {gap: Infinity, longest: 0};
    for (let run = 0; run < tries && best.gap > 20; run += 1) {
      let [going, last, gap] = [true, performance.now(), 0];
      const {port1, port2} = new MessageChannel();
      port2.onmessage = () => {
        gap = Math.max(gap, performance.now() - last);
        last = performance.now();
        if (going) port1.postMessage(null);
      };
      port1.postMessage(null);
      const found = await times();
      going = false;
      const longest = Math.max(...found.map((time, at) =>
        time - (found[at - 1] ?? 0)));
      if (gap < best.gap) Object.assign(best, {gap, longest});
    }
    return best;
  }, TRIES);
  context.diagnostic(`a gap of ${gap.toFixed(1)} ms in the page while a step ` +
    `of ${longest.toFixed(0)} ms ran`);
  assert.ok(longest >= 100, `no step takes 100 ms: ${longest}`);
  assert.ok(gap <= 20, `the page stood still for ${gap} ms`);
});

test("leaving a stream stops it, and calls take turns", async () => {
  const [stage, stages, same] = await page.run(async () => {
    const digits = await load("digits");
    const prepared = digits.prepare(new ImageData(8, 8));
    const alone = await digits.predict(prepared);
    const calls = [1, 2, 3].map(() => digits.predict(prepared));
    let stage = 0;
    for await (const result of digits.stream(prepared)) {
      stage = result.stage;
      break;
    }
    const found = await Promise.all(calls);
    digits.close();
    return [stage, found.map((result) => result.stage), found.every((result) =>
      JSON.stringify(result.logits) === JSON.stringify(alone.logits))];
  });
  assert.equal(stage, 1);
  assert.deepEqual(stages, [3, 3, 3]);
  assert.ok(same);
});

test("calibrate() measures, and the browser keeps it", async () => {
  const [times, latency, kept] = await page.run(async () => {
    const digits = await load("digits");
    const times = await digits.calibrate(5);
    const {latency} = digits;
    digits.close();
    const again = await load("digits");
    const kept = again.latency;
    again.close();
    return [times, latency, kept];
  });
  assert.equal(times.length, 3);
  assert.deepEqual(latency.answerMs, times);
  assert.equal(latency.runs, 5);
  assert.deepEqual(kept, latency);
});

test("wrong arguments are named", async () => {
  const cases = {
    "new Float32Array(3)": "{}",
    "new Uint8Array(64 * 64 * 4)": "{}",
    "image.map(() => NaN)": "{}",
    "({image, other: image})": "{}",
    "document.body": "{}",
    "'a'": "{}",
    "[...image.slice(1), Symbol()]": "{}",
    "image.subarray()": "null",
    "image": "{deadlineMs: -1}",
    "[...image]": '{deadlineMs: "8"}',
    "image.slice()": "{confidence: 2}",
    "(image)": "{confidence: [0.5]}",
    "((image))": '{confidence: "manifest"}',
    "(((image)))": '{confidence: "0.5"}',
    "((((image))))": "{deadline_ms: 0}",
    "(((((image)))))": "2",
  };
  for (const [example, options] of Object.entries(cases)) {
    const [name, message] = await page.run((call) => eval(call),
      `slow.predict(${example}, ${options}).then(() => ["", ""],
        (error) => [error.name, error.message])`);
    assert.equal(name, "AnytimeError", `${example}, ${options}`);
    assert.match(message, /Received: /);
  }
});

test("an answer ranks a whole number of classes, of its label sets", async () => {
  const messages = await page.run(async () => {
    const result = await slow.predict(image);
    return [[-1], [0], [2.5], ["abc"], [3, "none"]].map((given) => {
      try {
        return result.top(...given);
      } catch (error) {
        return `${error.name}: ${error.message}`;
      }
    });
  });
  for (const message of messages) assert.match(message, /^AnytimeError: .*Received: /);
});

test("stages start with stream(), not with the loop", async () => {
  const stages = await page.run(async () => {
    const answers = slow.stream(image);
    slow.interrupt();
    const found = [];
    for await (const {stage} of answers) found.push(stage);
    return found;
  });
  assert.ok(stages.length < 3, String(stages));
});

test("close() ends calls, and further ones are refused", async () => {
  const [stage, message] = await page.run(async () => {
    const call = slow.predict(image);
    slow.close();
    const {stage} = await call;
    return [stage, await slow.predict(image).catch((error) => error.message)];
  });
  assert.ok(stage < 3);
  assert.match(message, /^The predictor is closed: load the file again\.$/);
});

test("200 loads and closes leave nothing behind", async (context) => {
  const heaps = [];
  const memories = [];
  for (const count of [20, 90, 90]) {
    const [heap, bytes, workers] = await page.run(async (count) => {
      for (let run = 0; run < count; run += 1) {
        const digits = await load("digits");
        await digits.predict(digits.prepare(new ImageData(8, 8)));
        digits.close();
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
      gc();
      const heap = performance.memory.usedJSHeapSize;
      const {bytes, breakdown} =
        await performance.measureUserAgentSpecificMemory();
      const workers = breakdown.filter(({attribution}) => attribution.some(
        ({scope}) => scope === "DedicatedWorkerGlobalScope"));
      return [heap, bytes, workers.length];
    }, count);
    assert.equal(workers, 0);
    heaps.push(heap / 2 ** 20);
    memories.push(await residentMiB());
    context.diagnostic(`MiB: ${heaps.at(-1).toFixed(2)} of scripts, ` +
      `${(bytes / 2 ** 20).toFixed(2)} of the page, ` +
      `${memories.at(-1).toFixed(0)} of its process`);
  }
  assert.ok(heaps[2] - heaps[1] < 0.5);
  // A file that stayed open would take 10 MiB for each load.
  assert.ok(memories[2] - memories[1] < 90);
});

/** The memory of the processes of pages; 0 where the system does not say. */
async function residentMiB() {
  const {processInfo} = await made.chromium.send("SystemInfo.getProcessInfo");
  return processInfo.filter(({type}) => type === "renderer")
    .map(({id}) => `/proc/${id}/statm`)
    .filter((path) => existsSync(path))
    .map((path) => Number(readFileSync(path, "utf8").split(" ")[1]) / 256)
    .reduce((total, size) => total + size, 0);
}
