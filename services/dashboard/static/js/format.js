/* Numbers and times as people read them. Times are local; UTC stands in the title. */

import { h } from "./dom.js";

const MINUS = "−";
const NARROW = "\u202f";
const whole = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const finePercent = new Intl.NumberFormat(undefined, {
  style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1,
});
const signed = new Intl.NumberFormat(undefined, {
  minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero",
});
const plain = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const minus = (text) => text.replace("-", MINUS);
const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** Nothing to show: a dash that says so to a screen reader, too. */
export const NONE = "–";

export const count = (n) => (known(n) ? whole.format(n) : NONE);
/** 12,345 in a narrow place: 12.3K. */
export const brief = (n) => (known(n) ? (Math.abs(n) < 10_000 ? whole : compact).format(n) : NONE);
export const share = (x) => (known(x) ? percent.format(x) : NONE);
export const fineShare = (x) => (known(x) ? finePercent.format(x) : NONE);
/** A mean score in [-1, 1]: +0.45. */
export const score = (x) => (known(x) ? minus(signed.format(x)) : NONE);
export const decimal = (x) => (known(x) ? minus(plain.format(x)) : NONE);
/** Half of a 95 % interval, from a standard error. */
export const margin = (error) => (known(error) ? `±${NARROW}${plain.format(1.96 * error)}` : "");

/** Percentage points between two shares: +3 pts. */
export function points(x) {
  if (!known(x)) return NONE;
  const n = Math.round(x * 100);
  return `${n > 0 ? "+" : n < 0 ? MINUS : "±"}${Math.abs(n)} pts`;
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const seconds = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", year: "numeric",
});

export const utc = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** The clock where it is today's, the date too where it is not. */
export function moment(ms, { now = Date.now(), withSeconds = false } = {}) {
  if (!known(ms)) return NONE;
  const at = new Date(ms);
  const time = (withSeconds ? seconds : clock).format(at);
  const today = new Date(now);
  if (at.toDateString() === today.toDateString()) return time;
  const date = at.getFullYear() === today.getFullYear() ? day : dayOfYear;
  return `${date.format(at)}, ${time}`;
}

/** A `<time>` element, UTC on hover. */
export function when(ms, options) {
  if (!known(ms)) return NONE;
  return h("time", { datetime: new Date(ms).toISOString(), title: utc(ms) }, moment(ms, options));
}

/** From one moment to another; the second's date only where it differs. */
export function span(from, to, options) {
  const same = new Date(from).toDateString() === new Date(to).toDateString();
  return [
    when(from, options), " – ",
    h("time", { datetime: new Date(to).toISOString(), title: utc(to) },
      same ? (options?.withSeconds ? seconds : clock).format(new Date(to)) : moment(to, options)),
  ];
}

const UNITS = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1000, "s"]];

/** A length of time in its two largest units: 3 h 20 min. */
export function duration(ms) {
  if (!known(ms)) return NONE;
  if (Math.abs(ms) < 1000) return `${Math.round(ms)} ms`;
  const parts = [];
  let rest = Math.abs(ms);
  for (const [unit, name] of UNITS) {
    const n = Math.floor(rest / unit);
    if (n) parts.push(`${n} ${name}`);
    rest -= n * unit;
    if (parts.length === 2 || (parts.length && !n)) break;
  }
  return (ms < 0 ? MINUS : "") + parts.join(" ");
}

/** Time since the start of a replay: +1:05:00. */
export function elapsed(ms) {
  const total = Math.round(Math.abs(ms) / 1000);
  const [hours, minutes, secs] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const two = (n) => String(n).padStart(2, "0");
  return `${ms < 0 ? MINUS : "+"}${hours}:${two(minutes)}:${two(secs)}`;
}

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** "positive", "neutral" or "negative" by a mean score; within its uncertainty of zero, neutral. */
export function mood(mean, error) {
  if (!known(mean)) return "none";
  if (Math.abs(mean) <= Math.max(0.05, 1.96 * (error ?? 0))) return "neutral";
  return mean > 0 ? "positive" : "negative";
}
