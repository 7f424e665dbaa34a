/** The anytime curve: the error of each stage against its work. */

/** @typedef {import("../manifest.js").StageRecord} StageRecord */

const [WIDTH, HEIGHT] = [340, 230];
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 300, 18, 184];

/**
 * Draws the curve of a network.
 *
 * @param {HTMLElement} place
 * @param {StageRecord[]} stages
 */
export function drawCurve(place, stages) {
  const errors = stages.map((stage) => 100 * (stage.top1_error ?? 0));
  const highest = niceCeiling(Math.max(...errors));
  const [first, last] = [stages[0].macs, stages[stages.length - 1].macs];
  // Each doubling of the work takes as much room as any other.
  const ratio = Math.log(last / first) || 1;
  /** @param {number} macs */
  const x = (macs) => LEFT + 20 +
    ((RIGHT - LEFT - 40) * Math.log(macs / first)) / ratio;
  /** @param {number} error */
  const y = (error) => BOTTOM - ((BOTTOM - TOP) * error) / highest;
  const ticks = [0, highest / 2, highest];
  const points = stages.map((stage, at) => [x(stage.macs), y(errors[at])]);
  const spoken = stages.map((stage, at) =>
    `stage ${stage.stage}: ${errors[at].toFixed(1)}% wrong`).join(", ");
  place.innerHTML = `
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
         aria-label="Error against work: ${spoken}">
      ${ticks.map((tick) => `
        <line class="grid" x1="${LEFT}" x2="${RIGHT + 30}"
              y1="${y(tick)}" y2="${y(tick)}"/>
        <text class="axis" x="${LEFT - 8}" y="${y(tick) + 4}"
              text-anchor="end">${tick}%</text>`).join("")}
      <polyline class="path" points="${points.join(" ")}"/>
      ${points.map(([px, py], at) => `
        <g data-stage="${stages[at].stage}">
          <circle cx="${px}" cy="${py}" r="6"/>
          <text x="${px + 4}" y="${py - 12}">${
            errors[at].toFixed(1)}%</text>
          <text class="axis" x="${px}" y="${BOTTOM + 18}"
                text-anchor="middle">${work(stages[at].macs)}</text>
        </g>`).join("")}
      <text class="axis" x="${(LEFT + RIGHT) / 2}" y="${HEIGHT - 8}"
            text-anchor="middle">multiplications</text>
    </svg>`;
}

/**
 * Marks the stage whose answer counts.
 *
 * @param {HTMLElement} place
 * @param {number} stage 0 for none.
 */
export function markStage(place, stage) {
  for (const group of place.querySelectorAll("g[data-stage]")) {
    group.classList.toggle(
      "counts", group.getAttribute("data-stage") === String(stage));
  }
}

/**
 * Returns a number of multiplications in few characters, such as 4.4 M.
 *
 * @param {number} macs
 * @returns {string}
 */
export function work(macs) {
  const [unit, size] = macs >= 1e9 ? [" G", 1e9]
    : macs >= 1e6 ? [" M", 1e6] : [" k", 1e3];
  return `${Number((macs / size).toPrecision(2))}${unit}`;
}

/**
 * Returns a percentage that is above another one and that half of is short.
 *
 * @param {number} percent
 * @returns {number}
 */
function niceCeiling(percent) {
  const power = 10 ** Math.floor(Math.log10(Math.max(percent, 0.1)));
  const steps = [1, 2, 3, 4, 6, 8, 10].map((step) => step * power);
  return Number((steps.find((step) => step >= 1.1 * percent) ?? 20 * power)
    .toPrecision(3));
}
