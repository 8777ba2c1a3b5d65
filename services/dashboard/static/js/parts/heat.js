/*
 * Where a network looked, over the picture. The networks see the centred square of it, as 7 × 7
 * regions; what lies outside of the square is dimmed.
 */

import { h } from "../dom.js";

const SIDE = 7;
const FINE = 84;
const BLUR = 0.55;
const STRONGEST = 0.72;
/** Where the least attended region has this much of the greatest weight, no place stands out. */
const EVEN = 0.85;
const WARM = [[255, 237, 130], [255, 145, 20], [214, 30, 20]];
const ROWS = ["top", "middle", "bottom"];
const COLUMNS = ["left", "middle", "right"];

/** A layer to lie over the picture, as large as it. `grid`: 7 rows of 7, 0 to 1 of the greatest. */
export function heat(key, grid, sides) {
  const draw = (canvas) => paint(canvas, grid);
  return h("div", { class: "heat", key, "aria-hidden": "true" },
    h("div", { class: "heat-square", style: square(sides) },
      h("canvas", { width: FINE, height: FINE, hook: { make: draw, update: draw } })));
}

/** The centred square in percent of the picture. `sides`: its width and height in pixels. */
function square({ width, height }) {
  const side = Math.min(width, height);
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  return {
    width: percent(side, width), height: percent(side, height),
    left: percent((width - side) / 2, width), top: percent((height - side) / 2, height),
  };
}

function paint(canvas, raw) {
  const grid = spread(raw);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(FINE, FINE);
  for (let i = 0; i < FINE * FINE; i++) {
    const weight = between(grid, Math.floor(i / FINE), i % FINE);
    pixels.data.set([...warmth(weight), Math.round(255 * STRONGEST * weight)], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
}

/** From the least attended region (0) to the most (1). */
function spread(grid) {
  const flat = grid.flat();
  const [low, high] = [Math.min(...flat), Math.max(...flat)];
  return grid.map((row) => row.map((weight) => (high > low ? (weight - low) / (high - low) : 0)));
}

/** The weight at a fine pixel: of the regions around it, the nearer the more. */
function between(grid, row, column) {
  const [y, x] = [row, column].map((n) => ((n + 0.5) * SIDE) / FINE - 0.5);
  let [sum, all] = [0, 0];
  for (let i = 0; i < SIDE; i++) {
    for (let j = 0; j < SIDE; j++) {
      const near = Math.exp(-((y - i) ** 2 + (x - j) ** 2) / (2 * BLUR * BLUR));
      sum += near * grid[i][j];
      all += near;
    }
  }
  return sum / all;
}

/** From yellow to deep red. */
function warmth(weight) {
  const at = Math.max(0, Math.min(1, weight)) * (WARM.length - 1);
  const low = Math.min(WARM.length - 2, Math.floor(at));
  return WARM[low].map((c, i) => Math.round(c + (WARM[low + 1][i] - c) * (at - low)));
}

/** "mostly at the top left": the same in words. */
export function whereIn(grid) {
  const flat = grid.flat();
  const most = flat.indexOf(Math.max(...flat));
  if (!(flat[most] > 0)) return "nowhere in particular";
  if (Math.min(...flat) > EVEN * flat[most]) return "almost evenly at all of it";
  const [row, column] = [Math.floor(most / SIDE), most % SIDE].map((n) => Math.floor((3 * n) / SIDE));
  if (row === 1 && column === 1) return "mostly in the middle";
  return `mostly at the ${[ROWS[row], COLUMNS[column]].filter((name) => name !== "middle").join(" ")}`;
}
