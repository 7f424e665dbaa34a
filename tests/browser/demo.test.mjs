/** The demo page: answers, keyboard, names of controls, contrast, sizes. */

import assert from "node:assert/strict";
import {copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync}
  from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {test} from "node:test";

import {FILES, browser, giveNoPicture} from "./setup.mjs";

const made = await browser({"/networks": join(FILES, "demo")});

/** Opens the page, without slow motion, and waits for its networks. */
async function open(size) {
  const page = await made.open("", size);
  await page.until(() =>
    document.querySelectorAll("#samples button").length === 10 &&
    document.querySelector("#table tr") !== null);
  await page.run(() => {
    document.getElementById("slow").checked = false;
  });
  return page;
}

const textOf = (page, id) =>
  page.run((id) => document.getElementById(id).textContent, id);
const setDeadline = (page, value) => page.run((value) => {
  const slider = document.getElementById("deadline");
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
}, value);
const counts = () =>
  document.querySelector("#stages .counts")?.dataset.stage;

/** Gives a photo of noise to the page. */
const givePhoto = () => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [200, 120];
  const context = canvas.getContext("2d");
  for (let at = 0; at < 60; at += 1) {
    context.fillStyle = `hsl(${at * 37} 80% 50%)`;
    context.fillRect((at * 53) % 180, (at * 29) % 100, 40, 30);
  }
  canvas.toBlob((blob) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([blob], "photo.png", {type: "image/png"}));
    const input = document.getElementById("file");
    input.files = transfer.files;
    input.dispatchEvent(new Event("change"));
  });
};

test("a digit is answered within the chosen time", async () => {
  const page = await open();
  assert.equal(await textOf(page, "answer"), "Draw a digit");
  await page.run(() => document.querySelector("#samples button").click());
  assert.equal(await page.until(counts), "3");
  assert.match(await textOf(page, "reason"), /^Stage 3 says so and is \d+% sure/);
  assert.equal(await page.run(() =>
    document.querySelectorAll("#chart .counts").length), 1);
  await setDeadline(page, 0);
  await page.until(() =>
    document.getElementById("answer").textContent === "No answer yet");
  assert.equal(await page.run(() =>
    document.querySelectorAll("#stages .late").length), 3);
  await page.run(() => document.getElementById("clear").click());
  await page.until(() =>
    document.getElementById("answer").textContent === "Draw a digit");
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("a drawing is answered, in slow motion too", async () => {
  const page = await open();
  await page.run(() => {
    document.getElementById("slow").checked = true;
    globalThis.seen = [];
    new MutationObserver(() => {
      const {dataset} = document.querySelector("#stages .counts") ?? {};
      seen.push(Number(dataset?.stage ?? 0));
    }).observe(document.getElementById("answer"), {childList: true});
  });
  const [x, y, size] = await page.run(() => {
    const box = document.getElementById("drawing").getBoundingClientRect();
    return [box.x, box.y, box.width];
  });
  await page.drag([0.2, 0.4, 0.6, 0.8].map((share) =>
    [x + size / 2, y + share * size]));
  // Slow motion begins before the first answer, and stages only follow.
  await page.until(() => seen.includes(0) && seen.at(-1) === 3);
  const seen = await page.run(() => globalThis.seen);
  const played = seen.slice(seen.lastIndexOf(0));
  assert.deepEqual(played, [...played].sort((one, other) => one - other));
  const ink = await page.run(() => {
    const {data} = document.getElementById("digit-seen").getContext("2d")
      .getImageData(0, 0, 8, 8);
    return [0, 3, 4, 7].map((column) => data[4 * (4 * 8 + column)]);
  });
  // The line stands in the middle of what the network sees.
  assert.ok(ink[0] === 0 && ink[3] === 0 && ink[1] + ink[2] > 200, `${ink}`);
  await page.close();
});

test("a photo is answered by names", async () => {
  const page = await open();
  await page.run(() => document.querySelector("input[value=photos]").click());
  await page.until(() =>
    document.getElementById("answer").textContent === "Choose a photo");
  await page.run(givePhoto);
  await page.until(counts);
  assert.match(await textOf(page, "answer"),
    /^(airplane|automobile|bird|cat|deer|dog|frog|horse|ship|truck)$/);
  await page.run(giveNoPicture);
  await page.until(() => !document.getElementById("problem").hidden);
  assert.match(await textOf(page, "problem"), /no picture that the browser/);
  await page.close();
});

test("everything works by keyboard, with a visible focus", async () => {
  const page = await open();
  const visited = [];
  for (let tabs = 0; tabs < 25; tabs += 1) {
    await page.press("Tab", "Tab", 9);
    const [name, outline] = await page.run(() => {
      const element = document.activeElement;
      const shown = element.matches("input[name=kind]")
        ? element.nextElementSibling : element;
      return [
        element.id || element.value || element.ariaLabel || element.tagName,
        getComputedStyle(shown).outlineWidth,
      ];
    });
    if (name === "BODY") break;
    visited.push(name);
    assert.ok(parseFloat(outline) >= 2, `${name} shows no focus`);
  }
  for (const name of ["digits", "clear", "A written 7", "deadline", "slow",
    "measure"]) {
    assert.ok(visited.includes(name), `${name} is not in ${visited}`);
  }
  await page.run(() => document.querySelector("#samples button").focus());
  await page.press("Enter", "Enter", 13, "\r");
  await page.until(counts);
  await page.run(() => document.getElementById("deadline").focus());
  await page.press("Home", "Home", 36);
  await page.until(() =>
    document.getElementById("answer").textContent === "No answer yet");
  assert.match(await page.run(() =>
    document.getElementById("deadline").getAttribute("aria-valuetext")),
  /^0\.00 ms$/);
  await page.close();
});

test("controls and pictures have names", async () => {
  const page = await open();
  const roles = ["button", "slider", "checkbox", "radio", "image", "group",
    "radiogroup", "table", "region"];
  for (const kind of ["digits", "photos"]) {
    await page.run((kind) =>
      document.querySelector(`input[value=${kind}]`).click(), kind);
    await page.until(() => document.querySelector("#table tr"));
    const {nodes} = await page.send("Accessibility.getFullAXTree");
    const shown = nodes.filter(({ignored, role}) =>
      !ignored && roles.includes(role?.value));
    assert.ok(shown.length > 8);
    for (const {role, name} of shown) {
      assert.ok(name?.value, `a ${role.value} has no name`);
    }
  }
  await page.close();
});

/** Texts whose contrast to their background is below 4.5; runs in the page. */
function faint() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = channels(color).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility()) continue;
    texts += 1;
    const style = getComputedStyle(element);
    const color = element.closest("svg") ? style.fill : style.color;
    const [light, dark] = [luminance(color), luminance(background(element))]
      .sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) found.push(`${node.data.trim()}: ${contrast}`);
  }
  return [texts, found];
}

for (const scheme of ["light", "dark"]) {
  test(`texts stand out from what is behind them: ${scheme}`, async () => {
    const page = await open({scheme});
    const check = async () => {
      const [texts, found] = await page.run(faint);
      assert.ok(texts > 30);
      assert.deepEqual(found, []);
    };
    await check();
    await page.run(() => document.querySelector("#samples button").click());
    await page.until(counts);
    await check();
    await setDeadline(page, 0);
    await page.until(() => document.querySelector("#stages .late"));
    await check();
    await page.run(() => document.querySelector("input[value=photos]").click());
    await page.until(() =>
      document.getElementById("answer").textContent === "Choose a photo");
    await check();
    await page.close();
  });
}

test("nothing is wider than a phone", async () => {
  for (const width of [320, 390, 760, 900, 1140]) {
    const page = await open({width, height: 844, mobile: width < 500});
    const wide = await page.run(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} of ${width}`);
    await page.close();
  }
});

test("what is wrong with a network is one sentence on the page", async () => {
  const damaged = join(FILES, "damaged");
  const cases = [
    ["truncated", {}, /is damaged: it is not the file that its manifest/],
    ["flipped", {}, /is damaged: it is not the file that its manifest/],
    ["version", {}, /a format that this page does not read/],
    ["no_manifest", {}, /The manifest .* is missing/],
    ["no_file", {}, /^There is no exported network/],
    ["truncated", {"/node_modules": damaged}, /^LiteRT is missing/],
  ];
  for (const [name, folders, pattern] of cases) {
    const networks = mkdtempSync(join(tmpdir(), "networks-"));
    mkdirSync(join(networks, "digits"));
    for (const ending of ["", ".json"]) {
      const source = join(damaged, `${name}.tflite${ending}`);
      if (existsSync(source)) {
        copyFileSync(
          source, join(networks, "digits", `anytime.tflite${ending}`));
      }
    }
    const page = await made.open(
      await made.serve({"/networks": networks, ...folders}));
    await page.until(() => !document.getElementById("problem").hidden);
    const problem = await textOf(page, "problem");
    assert.match(problem, pattern);
    assert.ok(problem.length < 400);
    assert.equal(await textOf(page, "answer"), "No answer");
    await page.close();
    rmSync(networks, {recursive: true});
  }
});
