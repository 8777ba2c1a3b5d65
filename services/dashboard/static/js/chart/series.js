/* The two charts of a topic: how many posts of which mood, and the mean score with its band. */

import { h } from "../dom.js";
import { NONE, brief, count, decimal, elapsed, moment, score, share, utc } from "../format.js";
import { timeAxis, valueAxis } from "./axis.js";
import { faint } from "./colours.js";
import { drawBefore, drawBehind, drawEmpty } from "./marks.js";
import { plot } from "./plot.js";

const MOODS = ["negative", "neutral", "positive"];
const SYNC = "topic";
const BAND = 1.96;

/**
 * Posts per pane, stacked. `view`: {key, height, base, zoom, zoomOut, most}: `base` counts time
 * from there, `most` fixes the top of the scale.
 */
export function volumeChart(series, view) {
  const { points } = series;
  const stacked = remember(series, "stacked", () => stack(series));
  const spec = {
    ...common(series, view), data: stacked, label: volumeWords(series), tooltip: (i) => tip(series, view, i),
    options: (colours, now) => ({
      ...frame(colours, now, view),
      scales: { x: xScale(now), y: { range: (u, min, max) => [0, Math.max(1, view.most ?? max) * 1.08] } },
      axes: [timeAxis(colours, view.base), valueAxis(colours, brief, { incrs: WHOLE })],
      series: [{}, ...[...MOODS].reverse().map((name) => bars(colours[name]))],
    }),
  };
  return plot(`${view.key} volume`, { ...spec, empty: !points.t.some((_, i) => total(points, i)) });
}

const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6];

/** Mean score per pane, and 95 % of where it may truly lie. */
export function scoreChart(series, view) {
  const data = remember(series, "band", () => band(series));
  const spec = {
    ...common(series, view), data, label: scoreWords(series), tooltip: (i) => tip(series, view, i),
    options: (colours, now) => ({
      ...frame(colours, now, view),
      scales: { x: xScale(now), y: { range: [-1, 1] } },
      axes: [
        timeAxis(colours, view.base),
        valueAxis(colours, score, { splits: () => [-1, -0.5, 0, 0.5, 1] }),
      ],
      series: [{}, edge(), edge(), mean(colours)],
      bands: [{ series: [2, 1], fill: faint(colours.accent, 0.16) }],
    }),
  };
  return plot(`${view.key} score`, spec);
}

/** Computed once per answer: a chart whose data are the same object is not drawn again. */
function remember(series, name, make) {
  const held = (cache.get(series) ?? cache.set(series, {}).get(series));
  return (held[name] ??= make());
}
const cache = new WeakMap();

const total = (points, i) => points.negative[i] + points.neutral[i] + points.positive[i];

function middles({ points, resolution_ms: width }) {
  return points.t.map((t) => t + width / 2);
}

/** uPlot draws in order: the tallest sum first, the smallest over it. */
function stack(series) {
  const { points } = series;
  const sums = MOODS.map((_, n) => points.t.map((__, i) =>
    MOODS.slice(0, n + 1).reduce((sum, name) => sum + points[name][i], 0)));
  return [middles(series), ...sums.reverse()];
}

function band(series) {
  const { mean_score: means, standard_error: errors } = series.points;
  const at = (i, sign) => (means[i] === null ? null : clamp(means[i] + sign * BAND * (errors[i] ?? 0)));
  return [middles(series), means.map((_, i) => at(i, -1)), means.map((_, i) => at(i, 1)), means];
}

const clamp = (x) => Math.max(-1, Math.min(1, x));

function common(series, view) {
  return {
    shape: `${view.key} ${view.height} ${view.base} ${view.most ?? ""} ${series.points.t.length > 60 ? "" : "few"}`,
    height: view.height, zoom: view.zoom, zoomOut: view.zoomOut, series,
    completeMs: view.ended ? null : series.complete_to_ms,
    marks: `${series.alerts.length} ${series.gaps.length} ${series.complete_to_ms} ${view.ended}`,
  };
}

const xScale = (now) => ({ time: true, range: () => [now().series.from, now().series.to] });

function frame(colours, now) {
  const marks = () => ({ ...now().series, completeMs: now().completeMs, colours });
  return {
    padding: [16, 22, 0, 0],
    cursor: { sync: { key: SYNC }, y: false, points: { show: false } },
    hooks: {
      drawAxes: [(u) => drawBehind(u, marks())],
      draw: [(u) => {
        if (now().empty) drawEmpty(u, "No posts in this time", colours);
        drawBefore(u, marks());
      }],
    },
  };
}

function bars(fill) {
  return {
    fill, width: 0, points: { show: false },
    paths: globalThis.uPlot.paths.bars({ size: [0.86, 60], align: 0 }),
  };
}

const edge = () => ({ stroke: "transparent", width: 0, points: { show: false }, spanGaps: false });

function mean(colours) {
  return {
    stroke: colours.accent, width: 2, spanGaps: false,
    points: { show: (u) => u.data[0].length <= 400, size: 4, fill: colours.accent, width: 0 },
  };
}

function tip(series, view, i) {
  const { points, resolution_ms: width } = series;
  const n = total(points, i);
  const row = (name, value, swatch) => h("div", { class: "tooltip-row", key: name },
    h("span", { class: `swatch ${swatch ?? "clear"}` }), h("span", null, name), h("b", null, value));
  return [
    h("div", { class: "tooltip-time", key: "time" }, paneName(points.t[i], width, view.base)),
    h("div", { class: "tooltip-utc", key: "utc" }, utc(points.t[i])),
    row("Posts", count(n)),
    ...[...MOODS].reverse().map((name) =>
      row(name, `${count(points[name][i])}${n ? `, ${share(points[name][i] / n)}` : ""}`, name)),
    row("Mean score", n ? `${score(points.mean_score[i])}${spread(points.standard_error[i])}` : NONE),
    row("Reposts", count(points.reposts[i])),
  ];
}

const spread = (error) => (error === null ? "" : ` ±\u202f${decimal(BAND * error)}`);

function paneName(start, width, base) {
  if (base !== null) return `${elapsed(start - base)} to ${elapsed(start + width - base)}`;
  const options = { withSeconds: width < 60_000 };
  return `${moment(start, options)} – ${moment(start + width, options).split(", ").pop()}`;
}

/** What the charts show, as a sentence. */
function volumeWords({ points }) {
  const sums = MOODS.map((name) => points[name].reduce((a, b) => a + b, 0));
  const all = sums.reduce((a, b) => a + b, 0);
  if (!all) return "Posts over time: none in this time";
  return `Posts over time: ${count(all)} in all, ${sums.map((n, i) =>
    `${share(n / all)} ${MOODS[i]}`).join(", ")}. The table below has the figures.`;
}

function scoreWords({ points }) {
  const known = points.mean_score.filter((x) => x !== null);
  if (!known.length) return "Mean score over time: no posts";
  return `Mean score over time: from ${score(Math.min(...known))} to ${score(Math.max(...known))}, `
    + `${score(known.at(-1))} at the end. The table below has the figures.`;
}
