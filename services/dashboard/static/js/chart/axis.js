/* Axes: local clock with the date where it changes, or time since a replay began. */

import { elapsed } from "../format.js";

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const STEPS = [
  1000, 5000, 10_000, 30_000, MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR,
  2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
];
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const seconds = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** Labels of the ticks; the date on the first and wherever a new day begins. */
function clockLabels(_plot, ticks, _axis, _space, step) {
  let before = null;
  return ticks.map((ms) => {
    const at = new Date(ms);
    const date = at.toDateString();
    const turned = date !== before;
    before = date;
    if (step >= DAY) return day.format(at);
    const time = (step < MINUTE ? seconds : clock).format(at);
    return turned ? `${time}\n${day.format(at)}` : time;
  });
}

/** The x axis. `base`: count from this moment instead of showing the clock. */
export function timeAxis(colours, base) {
  const labels = (plot, ticks, axis, space, step) => ticks.map((ms) =>
    step < MINUTE ? elapsed(ms - base) : sinceStart(ms - base));
  return {
    stroke: colours["ink-3"], font: FONT, gap: 4, size: base === null ? 42 : 28, space: 84,
    grid: { show: false }, ticks: { stroke: colours.line, width: 1, size: 4 },
    incrs: STEPS,
    ...(base === null ? {} : { splits: (plot, i, from, to, step) => fromBase(base, from, to, step) }),
    values: base === null ? clockLabels : labels,
  };
}

/** "+1h30" rather than "+1:30:00", where seconds don't matter. */
function sinceStart(ms) {
  const minutes = Math.round(Math.abs(ms) / MINUTE);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  const sign = ms < 0 ? "−" : "+";
  if (!hours) return `${sign}${rest} min`;
  return rest ? `${sign}${hours}h${String(rest).padStart(2, "0")}` : `${sign}${hours} h`;
}

function fromBase(base, from, to, step) {
  const ticks = [];
  for (let t = base + Math.ceil((from - base) / step) * step; t <= to; t += step) ticks.push(t);
  return ticks;
}

export const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

/** A y axis with `format`ted labels. */
export function valueAxis(colours, format, extra = {}) {
  return {
    stroke: colours["ink-3"], font: FONT, gap: 6, size: 46, space: 32,
    grid: { stroke: colours.line, width: 1 }, ticks: { show: false },
    values: (plot, ticks) => ticks.map(format), ...extra,
  };
}
