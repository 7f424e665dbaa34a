/** The demo page while networks, photos and measurements come and go. */

import assert from "node:assert/strict";
import {join} from "node:path";
import {test} from "node:test";

import {FILES, browser, giveNoPicture} from "./setup.mjs";

const made = await browser({"/networks": join(FILES, "demo")});

const textOf = (page, id) =>
  page.run((id) => document.getElementById(id).textContent, id);
const saying = (page, text) => page.until((text) =>
  document.getElementById("answer").textContent === text, text);
const choose = (page, kind) => page.run((kind) =>
  document.querySelector(`input[value=${kind}]`).click(), kind);
const click = (page, id) => page.run((id) =>
  document.getElementById(id).click(), id);

/** Opens the page, without slow motion. */
async function open() {
  const page = await made.open("");
  await page.until(() =>
    document.querySelectorAll("#samples button").length === 10);
  await saying(page, "Draw a digit");
  await page.run(() => {
    document.getElementById("slow").checked = false;
  });
  return page;
}

/** Holds back what the page fetches; `next` waits for it. */
async function hold(page, urlPattern) {
  const held = [];
  const drop = made.chromium.listen(({method, params}) => {
    if (method === "Fetch.requestPaused") held.push(params.requestId);
  });
  await page.send("Fetch.enable", {patterns: [{urlPattern}]});
  const next = async () => {
    while (!held.length) await new Promise((done) => setTimeout(done, 10));
    return {requestId: held.shift()};
  };
  return {
    next,
    release: async () => page.send("Fetch.continueRequest", await next()),
    fail: async () => page.send(
      "Fetch.failRequest", {...await next(), errorReason: "ConnectionReset"}),
    end: async () => {
      drop();
      await page.send("Fetch.disable");
    },
  };
}

/** Uses all controls of the page, as fast as can be; runs in the page. */
function useAll() {
  const slider = document.getElementById("deadline");
  for (const value of [0, 50, 100]) {
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
  }
  for (const id of ["measure", "clear", "slow", "slow"]) {
    document.getElementById(id).click();
  }
  document.querySelector("#samples button").click();
}

/** Gives a photo of one color to the page, by its name; runs in the page. */
async function givePhoto(name, color) {
  const canvas = new OffscreenCanvas(64, 48);
  const context = canvas.getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, 64, 48);
  const blob = await canvas.convertToBlob();
  const transfer = new DataTransfer();
  transfer.items.add(new File([blob], name, {type: "image/png"}));
  const input = document.getElementById("file");
  input.files = transfer.files;
  input.dispatchEvent(new Event("change"));
}

/** The middle pixels of the photo, and of what the network sees. */
const middles = () => ["photo", "photo-seen"].map((id) => {
  const canvas = document.getElementById(id);
  return [...canvas.getContext("2d").getImageData(
    canvas.width / 2, canvas.height / 2, 1, 1).data];
});

test("controls do no harm while a network is loaded", async () => {
  const page = await open();
  const held = await hold(page, "*photos.tflite");
  await page.run(() => document.querySelector("#samples button").click());
  await page.until(() => document.querySelector("#stages .counts"));
  await choose(page, "photos");
  const request = await held.next();
  // Nothing of the network before is shown beside what is loaded.
  assert.deepEqual(await page.run(() => ["stages", "chart", "table"].map((id) =>
    document.getElementById(id).children.length)), [0, 0, 0]);
  assert.ok(await page.run(() => document.getElementById("measure").disabled));
  await page.run(useAll);
  await page.run(givePhoto, "red.png", "#f00");
  assert.equal(await textOf(page, "answer"), "Loading …");
  await page.send("Fetch.continueRequest", request);
  await page.until(() => document.querySelector("#stages .counts"));
  assert.match(await textOf(page, "reason"), /^Stage 3 says so/);
  await held.end();
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("the network that was chosen last is the one that answers", async () => {
  const page = await open();
  for (let round = 0; round < 3; round += 1) {
    await page.run(() => {
      for (const kind of ["photos", "digits", "photos", "digits"]) {
        document.querySelector(`input[value=${kind}]`).click();
      }
    });
    await page.run(useAll);
    await choose(page, "photos");
    await page.run(useAll);
  }
  await saying(page, "Choose a photo");
  assert.equal(await page.run(() =>
    document.querySelectorAll("#stages li").length), 3);
  await page.run(() => document.querySelector("input[value=digits]").click());
  await page.until(() => document.querySelector("#stages .counts"));
  assert.equal(await page.run(() =>
    document.getElementById("problem").hidden), true);
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("a network that is left while it is measured", async () => {
  const page = await open();
  await choose(page, "photos");
  await saying(page, "Choose a photo");
  for (const kind of ["digits", "photos", "digits"]) {
    await click(page, "measure");
    await choose(page, kind);
    await saying(page, kind === "digits" ? "Draw a digit" : "Choose a photo");
    assert.deepEqual(await page.run(() => ["measure", "problem"].map((id) =>
      document.getElementById(id)[id === "measure" ? "disabled" : "hidden"])),
    [false, true]);
  }
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("a download that failed can be tried again", async () => {
  const page = await open();
  const held = await hold(page, "*photos.tflite");
  for (let tries = 0; tries < 2; tries += 1) {
    await (tries ? click(page, "retry") : choose(page, "photos"));
    await held.fail();
    await page.until(() => !document.getElementById("retry").hidden);
    assert.match(await textOf(page, "problem"),
      /^http\S+photos\.tflite cannot be loaded: it cannot be reached/);
    assert.equal(await textOf(page, "answer"), "No answer");
  }
  // The other one answers meanwhile.
  await choose(page, "digits");
  await saying(page, "Draw a digit");
  assert.ok(await page.run(() => document.getElementById("problem").hidden &&
    document.getElementById("retry").hidden));
  await choose(page, "photos");
  await held.release();
  await saying(page, "Choose a photo");
  await held.end();
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("a network that failed is closed, and loaded again", async () => {
  const page = await open();
  await page.run(async () => {
    const {predictorOf} = await import("/demo/networks.js");
    globalThis.first = await predictorOf("digits");
    first.close();  // As it does itself when its worker fails.
    document.querySelector("#samples button").click();
  });
  await page.until(() => !document.getElementById("retry").hidden);
  assert.match(await textOf(page, "problem"), /^The predictor is closed/);
  assert.equal(await textOf(page, "answer"), "No answer");
  await click(page, "retry");
  await page.until(() => document.querySelector("#stages .counts"));
  const [same, message] = await page.run(async () => {
    const {forget, predictorOf} = await import("/demo/networks.js");
    const second = await predictorOf("digits");
    forget("digits");
    await new Promise((done) => setTimeout(done));
    return [first === second, await second.predict(new Float32Array(64))
      .catch((error) => error.message)];
  });
  assert.equal(same, false);
  assert.match(message, /^The predictor is closed/);
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("the photo that was chosen last is shown, and it alone", async () => {
  const page = await open();
  await choose(page, "photos");
  await saying(page, "Choose a photo");
  await page.run(() => {
    const {createImageBitmap: create} = globalThis;
    const opened = new Promise((resolve) => {
      globalThis.openSlow = resolve;
    });
    globalThis.createImageBitmap = async (source, ...others) => {
      if (source.name?.startsWith("slow")) await opened;
      return create(source, ...others);
    };
  });
  await page.run(givePhoto, "slow.png", "#f00");
  await page.run(givePhoto, "green.png", "#0f0");
  await page.until(() => document.querySelector("#stages .counts"));
  await page.run(() => globalThis.openSlow());
  await page.run(() => new Promise((done) => setTimeout(done, 200)));
  const green = [0, 255, 0, 255];
  assert.deepEqual(await page.run(middles), [green, green]);
  // What is no picture leaves the photo; the next photo ends the complaint.
  await page.run(giveNoPicture);
  await page.until(() => !document.getElementById("problem").hidden);
  assert.deepEqual(await page.run(middles), [green, green]);
  assert.ok(await page.run(() => document.getElementById("retry").hidden));
  // Nothing of the photo before is seen through one that is transparent.
  await page.run(givePhoto, "clear.png", "transparent");
  await page.until(() => document.getElementById("problem").hidden);
  const clear = [0, 0, 0, 0];
  assert.deepEqual(await page.run(middles), [clear, clear]);
  assert.deepEqual(page.errors, []);
  await page.close();
});
