/* Which stretch of time a topic's charts show. The address has it, so that a view can be shared. */

import { lengthOf } from "../windows.js";

const STEP_MS = 10_000;
const LONGEST_MS = 400 * 86_400_000;
const DEFAULTS = { live: "6h", replay: "all" };

/** Where a topic's time ends: now, or at the newest post of a replay. */
export function endOf(detail) {
  const last = detail.totals.last_post_ms;
  if (detail.kind === "live") return Math.ceil(Date.now() / STEP_MS) * STEP_MS;
  return last === null ? null : (Math.floor(last / STEP_MS) + 1) * STEP_MS;
}

export const startOf = (detail) => {
  const first = detail.totals.first_post_ms;
  return first === null ? null : Math.floor(first / STEP_MS) * STEP_MS;
};

export const nameOf = (query, kind) =>
  query.from && query.to ? null
    : query.range === "all" || lengthOf(query.range) ? query.range : DEFAULTS[kind];

/** `{name, from, to}`; `name` is null for a stretch of the reader's own. Null without posts. */
export function rangeOf(query, detail) {
  const [end, start] = [endOf(detail), startOf(detail)];
  if (end === null || start === null) return null;
  const name = nameOf(query, detail.kind);
  if (name === null) return own(Number(query.from), Number(query.to), start, end);
  const from = name === "all" ? Math.max(start, end - LONGEST_MS) : end - lengthOf(name);
  return { name, from: Math.min(from, end - STEP_MS), to: end };
}

function own(from, to, start, end) {
  if (!(Number.isFinite(from) && Number.isFinite(to) && to > from)) return { name: "all", from: start, to: end };
  const first = Math.max(0, Math.floor(from / STEP_MS) * STEP_MS);
  return { name: null, from: first, to: Math.max(first + STEP_MS, Math.ceil(to / STEP_MS) * STEP_MS) };
}

/** The same stretch in another namespace: the same time where it has posts, else as far before its end. */
export function likewise(range, detail, other) {
  const [end, start] = [endOf(other), startOf(other)];
  if (end === null || start === null) return null;
  if (range.to > start && range.from < end) return { ...range };
  const shift = end - endOf(detail);
  return { ...range, from: range.from + shift, to: range.to + shift };
}

/** Half a stretch earlier (-1) or later (+1). */
export function panned({ from, to }, direction) {
  const by = Math.round((to - from) / 2) * direction;
  return { from: from + by, to: to + by };
}

/** Twice as long, around the same middle. */
export function widened({ from, to }) {
  const by = Math.round((to - from) / 2);
  return { from: from - by, to: to + by };
}
