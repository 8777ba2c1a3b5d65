/* Sentiment as shapes: the bar of three shares, the sparkline, the change against before. */

import { classes, h } from "../dom.js";
import { NONE, count, duration, margin, mood, score, share } from "../format.js";

const WORDS = { positive: "Positive", neutral: "Neutral", negative: "Negative", none: "No posts" };

/** Mean score, its 95 % interval, and the mood in a word. */
export function scoreOf(mean, error, { large = false } = {}) {
  const kind = mood(mean, error);
  return h("span", { class: classes("score", kind, large && "large") },
    h("data", { value: mean ?? "", class: "score-value" }, score(mean)),
    error !== null && error !== undefined && h("span", {
      class: "score-margin", title: "95 % interval of the mean score",
    }, margin(error)),
    large && h("span", { class: "score-word" }, WORDS[kind]));
}

/** Negative, neutral and positive as parts of a bar, with their shares beneath. */
export function shares(figures, { labels = true } = {}) {
  const { negative, neutral, positive } = figures;
  const total = negative + neutral + positive;
  const part = (name, n) => h("span", {
    key: name, class: `share-part ${name}`, style: { "flex-grow": total ? n / total : 0 },
  });
  const label = (name, n) => h("span", { key: name, class: `share-label ${name}` },
    h("span", { class: "swatch", "aria-hidden": "true" }),
    h("data", { value: total ? n / total : "" }, share(total ? n / total : null)),
    h("span", { class: "share-name" }, ` ${name}`));
  const each = [["negative", negative], ["neutral", neutral], ["positive", positive]];
  return h("div", { class: "shares" },
    h("div", { class: classes("share-bar", !total && "blank"), "aria-hidden": "true" },
      each.filter(([, n]) => n).map(([name, n]) => part(name, n))),
    labels && h("div", { class: "share-labels" }, each.map(([name, n]) => label(name, n))));
}

const HIGH = 36;

/** Posts over time, the negative ones in their colour. A picture with a sentence for readers. */
export function spark({ start_ms: start, step_ms: step, count: counts, negative }) {
  const most = Math.max(1, ...counts);
  const bars = (values) => values.map((n, i) =>
    n ? `M${i + 0.1} ${HIGH}h.8v${(-(n / most) * HIGH).toFixed(2)}h-.8z` : "").join("");
  const all = counts.reduce((a, b) => a + b, 0);
  const bad = negative.reduce((a, b) => a + b, 0);
  const words = all
    ? `${count(all)} posts in ${duration(step * counts.length)}, ${count(bad)} of them negative; `
      + `at most ${count(most)} in ${duration(step)}`
    : `No posts in ${duration(step * counts.length)}`;
  return h("svg", {
    class: "spark", viewBox: `0 0 ${counts.length} ${HIGH}`, preserveAspectRatio: "none",
    role: "img", "aria-label": words, "data-start": start,
  },
  h("path", { class: "spark-all", d: bars(counts) }),
  h("path", { class: "spark-negative", d: bars(negative) }));
}

/** The mean score against the window before; in words, too, since arrows may go unread. */
export function change(value, error) {
  if (value === null || value === undefined) {
    return h("span", { class: "change none", title: "No posts in the window before" }, NONE);
  }
  const clear = Math.abs(value) > Math.max(0.005, 1.96 * (error ?? 0));
  const up = value > 0;
  return h("span", {
    class: classes("change", clear && (up ? "up" : "down")),
    title: clear ? "Against the window before" : "Against the window before; within its uncertainty",
  },
  h("span", { "aria-hidden": "true" }, clear ? (up ? "▲" : "▼") : "≈"),
  h("span", { class: "visually-hidden" }, clear ? (up ? "up by" : "down by") : "steady,"),
  ` ${score(value)}`);
}

/** Of a mean score, its place between negative (0) and positive (1). */
export const tint = (mean) => Math.round(Math.max(-1, Math.min(1, (mean ?? 0) / 0.45)) * 100);
