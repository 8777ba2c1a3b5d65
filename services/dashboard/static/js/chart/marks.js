/* What lies over a chart: alerts, gaps of a source, and where figures may still grow. */

import { FONT } from "./axis.js";
import { faint } from "./colours.js";

const GRAVE = { critical: "critical", warning: "warning", info: "info" };

const LANE = 3;
const LANES = 4;

/** The gravest last: it is drawn over the others. */
function inOrder(alerts) {
  const grave = ["info", "warning", "critical"];
  return [...alerts].sort((a, b) => grave.indexOf(a.severity) - grave.indexOf(b.severity));
}

/** Behind the figures: stretches of time. */
export function drawBehind(plot, { gaps, alerts, colours }) {
  const { ctx, bbox } = plot;
  ctx.save();
  clip(ctx, bbox);
  for (const gap of gaps) {
    const [left, right] = reach(plot, gap.from, gap.to);
    hatch(ctx, left, right, bbox, faint(colours["ink-3"], gap.filled ? 0.25 : 0.6));
  }
  inOrder(alerts).forEach((alert, lane) => {
    const [left, right] = reach(plot, alert.onset_ms, alert.resolved_ms ?? plot.scales.x.max);
    const colour = colours[GRAVE[alert.severity]] ?? colours.info;
    ctx.fillStyle = faint(colour, 0.05);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = faint(colour, 0.8);
    const high = LANE * devicePixelRatio;
    ctx.fillRect(left, bbox.top + (lane % LANES) * high * 1.5, right - left, high);
  });
  ctx.restore();
}

/** Before the figures: when an alert opened, where the last complete pane ends. */
export function drawBefore(plot, { alerts, completeMs, colours }) {
  const { ctx, bbox } = plot;
  ctx.save();
  clip(ctx, { ...bbox, top: bbox.top - 14 * devicePixelRatio, height: bbox.height + 14 * devicePixelRatio });
  for (const alert of inOrder(alerts)) flag(plot, alert, colours[GRAVE[alert.severity]] ?? colours.info);
  if (completeMs !== null && completeMs < plot.scales.x.max) {
    const x = plot.valToPos(completeMs, "x", true);
    line(ctx, x, bbox, colours["ink-3"], [3, 4]);
  }
  ctx.restore();
}

function reach(plot, from, to) {
  const { left, width } = plot.bbox;
  const at = (ms) => Math.max(left, Math.min(left + width, plot.valToPos(ms, "x", true)));
  const start = at(from);
  return [start, Math.max(start + devicePixelRatio, at(to))];
}

function clip(ctx, { left, top, width, height }) {
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
}

function hatch(ctx, left, right, { top, height }, colour) {
  const step = 6 * devicePixelRatio;
  ctx.save();
  clip(ctx, { left, top, width: right - left, height });
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  for (let x = left - height; x < right; x += step) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
  }
  ctx.stroke();
  ctx.restore();
}

function line(ctx, x, { top, height }, colour, dash) {
  ctx.beginPath();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.25 * devicePixelRatio;
  ctx.setLineDash(dash.map((n) => n * devicePixelRatio));
  ctx.moveTo(x, top);
  ctx.lineTo(x, top + height);
  ctx.stroke();
  ctx.setLineDash([]);
}

function flag(plot, alert, colour) {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(alert.opened_ms, "x", true);
  const size = 13 * devicePixelRatio;
  line(ctx, x, bbox, colour, []);
  ctx.fillStyle = colour;
  ctx.beginPath();
  const room = x + size < bbox.left + bbox.width ? size : -size;
  ctx.moveTo(x, bbox.top - size);
  ctx.lineTo(x + room, bbox.top - size / 2);
  ctx.lineTo(x, bbox.top);
  ctx.fill();
}

/** "No posts in this time", in the middle of an empty chart. */
export function drawEmpty(plot, text, colours) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colours["ink-3"];
  ctx.font = FONT.replace("12px", `${13 * devicePixelRatio}px`);
  ctx.textAlign = "center";
  ctx.fillText(text, bbox.left + bbox.width / 2, bbox.top + bbox.height / 2);
  ctx.restore();
}
