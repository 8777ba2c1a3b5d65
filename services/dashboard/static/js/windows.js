/* The rolling windows that the aggregators keep, and the ranges that charts offer. */

export const WINDOWS = ["1m", "5m", "15m", "1h", "24h"];

const NAMES = {
  "1m": "the minute", "5m": "5 minutes", "15m": "15 minutes", "1h": "the hour", "24h": "24 hours",
};

/** For a sentence: "posts in 15 minutes". */
export const nameOf = (window) => NAMES[window];

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];

/** Name, length and title of each range. */
export const RANGES = [
  ["5m", 5 * MINUTE, "5 minutes"],
  ["15m", 15 * MINUTE, "15 minutes"],
  ["1h", HOUR, "1 hour"],
  ["6h", 6 * HOUR, "6 hours"],
  ["24h", DAY, "24 hours"],
  ["7d", 7 * DAY, "7 days"],
  ["30d", 30 * DAY, "30 days"],
];

export const lengthOf = (name) => RANGES.find(([n]) => n === name)?.[1] ?? null;

/** Widths of panes, and how long the store keeps them behind the newest post. */
const STEPS = [
  ["10s", 10_000, 6 * HOUR], ["1m", MINUTE, 7 * DAY], ["5m", 5 * MINUTE, 7 * DAY],
  ["1h", HOUR, 400 * DAY], ["1d", DAY, 400 * DAY],
];
/** A chart shows no more panes than that, where the reader does not ask for finer ones. */
const BARS = 300;
const MOST = 2000;

const kept = ({ from }, end) => STEPS.filter(([, , keep]) => from >= end - keep - HOUR);

/** The panes of a stretch of time: the finest that still make a readable chart. */
export const resolutionFor = (range, end) =>
  (kept(range, end).find(([, ms]) => (range.to - range.from) / ms <= BARS) ?? STEPS.at(-1))[0];

/** Those that a reader may ask for. */
export function resolutionsFor(range, end) {
  const length = range.to - range.from;
  return kept(range, end).filter(([, ms]) => length / ms <= MOST && ms <= length).map(([name]) => name);
}
