/* The boxes of a topic's page. */

import { scoreChart, volumeChart } from "../chart/series.js";
import { classes, h } from "../dom.js";
import { brief, count, fineShare, plural, share, span, when } from "../format.js";
import { sumsOf } from "../sums.js";
import { WINDOWS, nameOf } from "../windows.js";
import { ruleOf } from "./alert.js";
import { figure, panel, segmented, table } from "./controls.js";
import { scoreOf, shares } from "./mood.js";
import { command, empty, failure, waiting } from "./notices.js";
import { differ, grouped, postItem } from "./post.js";

const SHOWN = 24;
const MOODS = ["positive", "neutral", "negative"];
const LEGEND = { positive: "Positive", neutral: "Neutral", negative: "Negative" };
const RESOLUTIONS = { 10_000: "10 seconds", 60_000: "minute", 300_000: "5 minutes", 3_600_000: "hour", 86_400_000: "day" };

/** What to know of a topic's posts, where there is something to know. */
export function lacks(totals) {
  const kinds = [
    [totals.late, "late"], [totals.too_late, "too late to count"], [totals.unseen_language, "in unseen languages"],
    [totals.duplicates, "sent twice and counted once"], [totals.deleted, "deleted since"],
  ];
  return kinds.filter(([n]) => n > 0).map(([n, words]) => `; ${count(n)} ${words}`).join("");
}

/** Figures of the stretch of time on show. */
export function figures(series) {
  const sums = sumsOf(series);
  const of = (n) => (sums.count ? n / sums.count : null);
  return h("dl", { class: "figures", key: "figures" },
    figure("Mean score", scoreOf(sums.mean, sums.error)),
    figure("Posts", h("data", { value: sums.count }, count(sums.count))),
    figure("Negative", share(of(sums.negative)), `${count(sums.negative)} posts`),
    figure("Positive", share(of(sums.positive)), `${count(sums.positive)} posts`),
    figure("Distinct authors", count(series.authors), series.authors === null ? "no longer known" : "to about 1%"),
    figure("Reposts", share(of(sums.reposts)), `${count(sums.reposts)} posts`),
    figure("With picture", share(of(sums.images)), `${count(sums.images)} posts`));
}

/** The charts of one namespace, with their table. */
export function charts(series, view) {
  const { from, to, resolution_ms: width } = series;
  return h("div", { class: "topic-main", key: `charts ${series.namespace}` },
    panel({
      title: view.named ? `Posts in ${series.namespace}` : "Posts", key: "volume",
      note: [`per ${RESOLUTIONS[width]}, `, span(from, to, { withSeconds: width < 60_000 })],
      tools: legend(series),
    }, volumeChart(series, view)),
    panel({
      title: view.named ? `Mean score in ${series.namespace}` : "Mean score", key: "score",
      note: "between −1 (negative) and +1 (positive); the band is its 95% interval",
    }, scoreChart(series, view), tableOf(series, view)));
}

function legend(series) {
  const open = series.alerts.length > 0;
  const gap = series.gaps.length > 0;
  return h("ul", { class: "legend" },
    MOODS.map((name) => h("li", { key: name }, h("span", { class: `swatch ${name}` }), LEGEND[name])),
    open && h("li", { key: "alert" }, h("span", { class: "swatch flag" }), "Alert"),
    gap && h("li", { key: "gap" }, h("span", { class: "swatch hatch" }), "Gap in a source"));
}

function tableOf(series, view) {
  const { points, resolution_ms: width } = series;
  const rows = points.t.map((_, i) => i).filter((i) => points.mean_score[i] !== null);
  return h("details", {
    class: "more", key: "table", open: view.table, ontoggle: (event) => {
      if (event.target.open !== view.table) view.toggle(event.target.open);
    },
  },
  h("summary", null, "Show as a table"),
  view.table && [
    table("Posts and mean score over time", [
      { name: "Time", cell: (i) => when(points.t[i], { withSeconds: width < 60_000 }) },
      ...["negative", "neutral", "positive"].map((name) =>
        ({ name: LEGEND[name], numeric: true, cell: (i) => count(points[name][i]) })),
      { name: "Mean score", numeric: true, cell: (i) => scoreOf(points.mean_score[i], points.standard_error[i]) },
      { name: "Reposts", numeric: true, cell: (i) => count(points.reposts[i]) },
      { name: "With picture", numeric: true, cell: (i) => count(points.images[i]) },
    ], rows, { key: (i) => points.t[i] }),
    marksOf(series),
  ]);
}

/** What the marks of the charts say, in words. */
function marksOf({ gaps, alerts }) {
  if (!gaps.length && !alerts.length) return null;
  return h("ul", { class: "facts" },
    alerts.map((alert) => h("li", { key: alert.id }, "Alert ", ruleOf(alert), ": ",
      when(alert.onset_ms), alert.resolved_ms ? [" to ", when(alert.resolved_ms)] : ", still open")),
    gaps.map((gap) => h("li", { key: gap.from }, `Gap in ${gap.source} (${gap.cause}): `,
      span(gap.from, gap.to), gap.filled ? ", played back later" : ", not played back")));
}

/** The greatest number of posts in a pane. */
export const highest = ({ points }) =>
  Math.max(1, ...points.t.map((_, i) => points.negative[i] + points.neutral[i] + points.positive[i]));

/** The rolling windows as the aggregators last wrote them. */
export function windows({ windows: held }) {
  const rows = WINDOWS.filter((name) => held[name]).map((name) => ({ name, ...held[name] }));
  const end = rows[0]?.end_ms;
  return panel({
    title: "Rolling windows", key: "windows",
    note: end && ["to ", when(end, { withSeconds: true })],
  }, table("Rolling windows", [
    { name: "Window", cell: (row) => h("abbr", { title: nameOf(row.name) }, row.name) },
    { name: "Posts", numeric: true, cell: (row) => h("data", { value: row.count }, brief(row.count)) },
    { name: "Negative", numeric: true, cell: (row) => share(row.negative_share) },
    { name: "Mean score", numeric: true, cell: (row) => scoreOf(row.mean_score, row.standard_error) },
    { name: "Authors", numeric: true, cell: (row) => brief(row.authors) },
  ], rows, { key: (row) => row.name }), rows.length > 0 && shares(rows.at(-1)));
}

export function alerts(list, opened) {
  return panel({ title: "Alerts", key: "alerts", note: list.length ? "in this time" : null },
    list.length
      ? h("ul", { class: "alerts" }, list.map((alert) => opened.item(alert, { withTopic: false })))
      : h("p", { class: "note" }, "None in this time."));
}

/** Words and hashtags that more posts say than before. */
export function phrases(resource) {
  const found = resource.data;
  const note = found && [span(found.from, found.to), `: ${plural(found.sampled, "post")} looked at, `
    + `against ${count(found.sampled_before)} of the time before`];
  return panel({ title: "Rising words and hashtags", key: "phrases", extra: "phrases-panel", note },
    resource.error ? h("p", { class: "note" }, `Not to be had: ${resource.error.message}.`)
      : found === null ? waiting()
        : found.phrases.length ? rising(found.phrases)
          : h("p", { class: "note" }, "Nothing stands out against the time before."));
}

function rising(list) {
  const most = Math.max(...list.map((phrase) => phrase.now));
  return h("ul", { class: "phrases" }, list.map((phrase) => h("li", { key: phrase.text },
    h("bdi", { class: "phrase" }, phrase.text),
    h("span", { class: "phrase-bar", "aria-hidden": "true" },
      h("span", { style: { width: `${(100 * phrase.now) / most}%` } })),
    h("span", { class: "phrase-now", title: `${fineShare(phrase.before)} in the time before` },
      `${fineShare(phrase.now)} of posts`),
    h("span", { class: classes("phrase-ratio", !phrase.before && "new") },
      phrase.before ? `×${phrase.ratio < 10 ? phrase.ratio.toFixed(1) : Math.round(phrase.ratio)}` : "new"))));
}

/** The posts that weigh most, the same words once. */
export function posts(app, resource, onlyDiffering, choose) {
  const found = resource.data;
  const all = found ? grouped(found.posts).slice(0, SHOWN) : [];
  const apart = all.filter(({ post }) => differ(post));
  const shown = onlyDiffering ? apart : all;
  return panel({
    title: "Posts that weigh most", key: "posts", extra: "posts-panel", note: "farthest from neutral, in this time",
    tools: all.length > 0 && segmented("Which posts", [
      ["all", `All (${all.length})`], ["apart", `Networks differ (${apart.length})`],
    ], onlyDiffering ? "apart" : "all", (which) => choose(which === "apart")),
  },
  resource.error ? failure(resource.error) : found === null ? waiting()
    : shown.length ? h("ul", { class: "posts wide" }, shown.map((group) => postItem(app, group)))
      : h("p", { class: "note" }, onlyDiffering
        ? "The networks agree on all of these posts."
        : "No posts are kept of this time. Words are kept for two days after a topic's last post."));
}

/** A topic that has no posts. */
export const quiet = () => empty("No posts of this topic yet",
  h("p", null, "Its charts begin with its first post. Does its query say what you mean? Try it:"),
  command("undertone topics test topics.yaml \"some text\""));

export const nothingThere = (namespace, error) => panel({ title: `Nothing in ${namespace}`, key: "nothing" },
  h("p", { class: "note" }, error.status === 404
    ? `The namespace ${namespace} has no topic of this name.` : error.message));

