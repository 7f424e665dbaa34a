/** The page: a picture goes in, and the stages answer until time is up. */

import {drawCurve, markStage, work} from "./chart.js";
import {Drawing} from "./drawing.js";
import {forget, measure, predictorOf, sampleDigits} from "./networks.js";
import {makeRows, milliseconds, percent, showRow} from "./stages.js";
import {Turns} from "./turns.js";

/**
 * @typedef {import("../anytime.js").AnytimePredictor} AnytimePredictor
 * @typedef {import("../answers.js").StageResult} StageResult
 * @typedef {import("./networks.js").Kind} Kind
 */

/** @param {string} id @returns {any} */
const part = (id) => document.getElementById(id);

// Slow motion shows the answer of the last stage after this time.
const SHOWN_MS = 2400;
// The slider goes this much beyond the last stage.
const MARGIN = 1.25;

/** @type {Kind} */
let kind = "digits";
/** Null while a network is loaded. @type {AnytimePredictor | null} */
let predictor = null;
/** What the network sees. @type {Record<Kind, ImageData | null>} */
const images = {digits: null, photos: null};
/** The answers to it. @type {StageResult[]} */
let results = [];
const choices = new Turns();
const runs = new Turns();
const photos = new Turns();

const drawing = new Drawing(part("drawing"), (done) => {
  part("drawing-hint").hidden = true;
  showPicture("digits", drawing.image(8), done);
});

/** Shows one sentence about what does not work. @param {unknown} error */
function complain(error) {
  part("problem").textContent = /** @type {Error} */ (error).message;
  part("problem").hidden = false;
}

/** Says that the network cannot answer. @param {unknown} error */
function giveUp(error) {
  forget(kind);
  leave();
  complain(error);
  part("retry").hidden = false;
  part("answer").textContent = "No answer";
}

/** Takes the network off the page, with all that it said. */
function leave() {
  predictor?.interrupt();
  predictor = null;
  results = [];
  choices.next();
  runs.next();
  for (const name of ["stages", "chart", "chart-note", "table", "reason"]) {
    part(name).replaceChildren();
  }
  part("passed").style.setProperty("--share", "0");
  part("measure").disabled = true;
  part("problem").hidden = part("retry").hidden = true;
  showDeadline();
}

/** Takes the network for a kind of pictures. @param {Kind} chosen */
async function choose(chosen) {
  kind = chosen;
  leave();
  const isCurrent = choices.current();
  for (const name of ["digits", "photos"]) {
    part(`${name}-panel`).hidden = name !== kind;
  }
  part("answer").textContent = "Loading …";
  let opened;
  try {
    opened = await predictorOf(chosen);
  } catch (error) {
    if (isCurrent()) giveUp(error);
    return;
  }
  if (!isCurrent()) return;
  predictor = opened;
  const {stages} = opened.manifest;
  makeRows(part("stages"), stages.map(({stage}) => stage));
  part("measure").disabled = false;
  showCurve();
  await run(false);
}

/** Measures the network again, and shows its times. */
async function measureAgain() {
  if (!predictor) return;
  const isCurrent = choices.current();
  part("measure").disabled = true;
  try {
    await measure(predictor);
  } catch (error) {
    if (isCurrent()) giveUp(error);
    return;
  }
  if (!isCurrent()) return;
  part("measure").disabled = false;
  showCurve();
  await run(false);
}

/** Draws what the manifest says of the stages, and their times here. */
function showCurve() {
  const {manifest, latency} = /** @type {AnytimePredictor} */ (predictor);
  const measured = manifest.stages.every((stage) => stage.top1_error !== null);
  if (measured) {
    drawCurve(part("chart"), manifest.stages);
  } else {
    part("chart").textContent = "";
  }
  part("chart-note").textContent = measured
    ? "Wrong answers among pictures that the network had not seen, against " +
      "the work for an answer."
    : "The errors of this network are not known: it was exported without.";
  part("table").innerHTML = manifest.stages.map((stage, at) => `<tr>
    <td>${stage.stage}</td><td>${work(stage.macs)}</td>
    <td>${stage.top1_error === null ? "–"
      : `${(100 * stage.top1_error).toFixed(1)}%`}</td>
    <td>${latency ? milliseconds(latency.answerMs[at]) : "–"}</td></tr>`)
    .join("");
  showDeadline();
}

/** @returns {number | null} The chosen deadline; null for none. */
function deadline() {
  const slider = part("deadline");
  if (!predictor?.latency || slider.value === slider.max) return null;
  const longest = MARGIN * (predictor.latency.answerMs.at(-1) ?? 0);
  return (longest * slider.value) / slider.max;
}

/** Says the deadline and the speed of slow motion. */
function showDeadline() {
  const time = deadline();
  const text = time === null ? "no limit" : milliseconds(time);
  part("deadline-text").textContent = text;
  part("deadline").setAttribute("aria-valuetext", text);
  const longest = predictor?.latency?.answerMs.at(-1) ?? 1;
  const seconds = SHOWN_MS / longest / 1000;
  part("slow-text").textContent =
    `1 ms is shown as ${Number(seconds.toPrecision(1))} s`;
}

/**
 * Shows a picture to the network.
 *
 * @param {Kind} shown
 * @param {ImageData | null} image
 * @param {boolean} slowly Whether slow motion may show the answers.
 */
async function showPicture(shown, image, slowly) {
  images[shown] = image;
  // What is wrong with the picture before is over; with the network it is not.
  if (part("retry").hidden) part("problem").hidden = true;
  const seen = part(shown === "digits" ? "digit-seen" : "photo-seen");
  const context = seen.getContext("2d");
  context.clearRect(0, 0, seen.width, seen.height);
  if (image) context.putImageData(image, 0, 0);
  if (shown === kind) await run(slowly);
}

/**
 * Has all stages answer, and shows which of them was in time.
 *
 * The answer is that of `predict` with the deadline; the page also shows what
 * comes too late.
 *
 * @param {boolean} slowly Whether slow motion may show the answers.
 */
async function run(slowly) {
  if (!predictor) return;
  showDeadline();
  const isCurrent = runs.next();
  const image = images[kind];
  const found = [];
  try {
    if (image) {
      for await (const result of predictor.stream(predictor.prepare(image))) {
        if (!isCurrent()) return;
        found.push(result);
      }
    }
  } catch (error) {
    if (isCurrent()) giveUp(error);
    return;
  }
  if (!isCurrent()) return;
  results = found;
  if (slowly && found.length && part("slow").checked) {
    playSlowly(isCurrent);
  } else {
    showAnswers(Infinity);
  }
}

/**
 * Shows the answers in their order, much slower.
 *
 * @param {() => boolean} isCurrent
 */
function playSlowly(isCurrent) {
  const longest = results[results.length - 1].elapsedMs;
  const start = performance.now();
  const frame = () => {
    if (!isCurrent()) return;
    const time = ((performance.now() - start) * longest) / SHOWN_MS;
    showAnswers(time);
    if (time < Math.max(longest, deadline() ?? 0)) requestAnimationFrame(frame);
  };
  frame();
}

/**
 * Shows what has answered up to a time.
 *
 * @param {number} time Milliseconds from the call.
 */
function showAnswers(time) {
  const end = deadline() ?? Infinity;
  const ready = results.filter(({elapsedMs}) => elapsedMs <= time);
  const inTime = ready.filter(({elapsedMs}) => elapsedMs <= end);
  const latest = inTime.at(-1) ?? null;
  [...part("stages").children].forEach((row, at) => {
    const result = ready[at] ?? null;
    showRow(row, result, !result ? "waits" : result === latest ? "counts"
      : inTime.includes(result) ? "better" : "late");
  });
  showHeadline(latest, time >= end);
  const {latency} = /** @type {AnytimePredictor} */ (predictor);
  const longest = MARGIN * (latency?.answerMs.at(-1) ?? 1);
  const passed = Math.min(time, results.at(-1)?.elapsedMs ?? 0, end) / longest;
  part("passed").style.setProperty("--share", String(Math.min(passed, 1)));
  markStage(part("chart"), latest?.stage ?? 0);
}

/**
 * @param {StageResult | null} latest
 * @param {boolean} isOver Whether the time for the answer is over.
 */
function showHeadline(latest, isOver) {
  const [best] = latest?.top(1) ?? [];
  const time = deadline();
  let [headline, reason] = ["", ""];
  if (!images[kind]) {
    headline = kind === "digits" ? "Draw a digit" : "Choose a photo";
    reason = "The stages answer while you look.";
  } else if (latest && best) {
    headline = best.name;
    reason = `Stage ${latest.stage} says so and is ${
      percent(best.probability)} sure, after ${milliseconds(latest.elapsedMs)}.`;
  } else if (isOver) {
    headline = "No answer yet";
    reason = `No stage was ready within ${milliseconds(time ?? 0)}.`;
  } else {
    headline = "Thinking …";
    reason = "No stage has answered so far.";
  }
  part("answer").textContent = headline;
  part("reason").textContent = reason;
}

/**
 * Shows the middle square of a photo to the network.
 *
 * @param {Blob} file
 */
async function showPhoto(file) {
  const isCurrent = photos.next();
  let square;
  let small;
  try {
    const whole = await createImageBitmap(file);
    const size = Math.min(whole.width, whole.height);
    square = await createImageBitmap(
      whole, (whole.width - size) >> 1, (whole.height - size) >> 1, size, size);
    whole.close();
    small = await createImageBitmap(square, {
      resizeWidth: 32, resizeHeight: 32, resizeQuality: "high"});
  } catch {
    if (isCurrent() && kind === "photos") {
      complain(new Error("This file is no picture that the browser can show."));
    }
    return;
  }
  if (!isCurrent()) return;
  const large = part("photo");
  large.hidden = false;
  part("photo-hint").hidden = true;
  const paper = large.getContext("2d");
  // The photo before would be seen through one that is transparent.
  paper.clearRect(0, 0, large.width, large.height);
  paper.drawImage(square, 0, 0, large.width, large.height);
  const canvas = new OffscreenCanvas(32, 32);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    canvas.getContext("2d"));
  context.drawImage(small, 0, 0);
  square.close();
  small.close();
  await showPicture("photos", context.getImageData(0, 0, 32, 32), true);
}

/** Shows digits that somebody wrote, as buttons. */
async function showSamples() {
  const samples = await sampleDigits();
  part("samples").replaceChildren(...samples.map(({digit, dots}) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `A written ${digit}`);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [dots.width, dots.height];
    canvas.getContext("2d")?.putImageData(dots, 0, 0);
    button.append(canvas);
    button.addEventListener("click", () => {
      drawing.show(dots);
      part("drawing-hint").hidden = true;
      showPicture("digits", dots, true);
    });
    return button;
  }));
}

for (const radio of document.querySelectorAll("input[name=kind]")) {
  radio.addEventListener("change", () =>
    choose(/** @type {any} */ (radio).value));
}
part("clear").addEventListener("click", () => {
  drawing.clear();
  part("drawing-hint").hidden = false;
  showPicture("digits", null, false);
});
part("deadline").addEventListener("input", () => run(false));
part("measure").addEventListener("click", measureAgain);
part("retry").addEventListener("click", () => choose(kind));
part("file").addEventListener("change", () => {
  const [file] = part("file").files;
  part("file").value = "";  // The same file can be chosen again.
  if (file) showPhoto(file);
});
for (const name of ["dragover", "dragleave", "drop"]) {
  part("drop").addEventListener(name, (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    part("drop").classList.toggle("over", name === "dragover");
    const file = event.dataTransfer?.files[0];
    if (name === "drop" && file) showPhoto(file);
  });
}
part("slow").checked =
  !matchMedia("(prefers-reduced-motion: reduce)").matches;
part("known").textContent = "airplanes, automobiles, birds, cats, deer, dogs, " +
  "frogs, horses, ships and trucks";
// Some browsers keep the choice when a page is loaded again.
choose(/** @type {any} */ (
  document.querySelector("input[name=kind]:checked")).value);
showSamples();
