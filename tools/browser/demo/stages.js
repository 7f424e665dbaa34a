/** The stages of a network, as rows with the likeliest classes as bars. */

/** @typedef {import("../answers.js").StageResult} StageResult */

const CLASSES = 3;

/**
 * Makes the rows of a network's stages.
 *
 * @param {HTMLElement} list
 * @param {number[]} stages Their numbers.
 */
export function makeRows(list, stages) {
  list.replaceChildren(...stages.map((stage) => {
    const row = document.createElement("li");
    row.dataset.stage = String(stage);
    row.innerHTML = `<div class="head"><b>Stage ${stage}</b>
      <span class="time"></span><span class="chip" hidden></span></div>
      ${"<div class=\"bar\"><span></span><i></i><span></span></div>"
        .repeat(CLASSES)}`;
    return row;
  }));
  for (const row of list.children) showRow(row, null, "waits");
}

/**
 * Shows the answer of a stage.
 *
 * @param {Element} row
 * @param {StageResult | null} result Null before it is ready.
 * @param {"waits" | "counts" | "better" | "late"} state Whether its answer is
 *   the one that counts, one after it came in time, or it came too late.
 */
export function showRow(row, result, state) {
  row.className = state;
  const [time, chip] = row.querySelectorAll(".time, .chip");
  time.textContent = result ? `after ${milliseconds(result.elapsedMs)}` : "";
  chip.textContent = {
    waits: "", counts: "the answer", better: "in time",
    late: "too late",
  }[state];
  chip.toggleAttribute("hidden", !chip.textContent);
  const top = result?.top(CLASSES) ?? [];
  [...row.querySelectorAll(".bar")].forEach((bar, at) => {
    const [name, shape, share] = bar.children;
    const {name: text = "–", probability = 0} = top[at] ?? {};
    name.textContent = text;
    /** @type {HTMLElement} */ (shape).style.setProperty(
      "--share", String(probability));
    share.textContent = top[at] ? percent(probability) : "";
  });
}

/**
 * @param {number} share
 * @returns {string}
 */
export function percent(share) {
  // What is not certain is not shown as 100%.
  const shown = Math.min(Math.round(100 * share), share < 1 ? 99 : 100);
  return share > 0 && shown === 0 ? "<1%" : `${shown}%`;
}

/**
 * @param {number} time
 * @returns {string}
 */
export function milliseconds(time) {
  return `${time.toFixed(time < 10 ? 2 : 0)} ms`;
}
