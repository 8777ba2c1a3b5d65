/* Can the figures be trusted? One line under the bar, on every page. */

import { classes, h } from "../dom.js";
import { brief, duration, plural, share, when } from "../format.js";
import { icon } from "./icons.js";

const LAGGING_MS = 180_000;
/** From this share of posts on, a lack is worth a colour. */
const NOTABLE = 0.05;

/** What the strip says, at length. */
export const MEANINGS = [
  ["Complete to", "Every post up to this time has been counted; one that comes later than that is late."],
  ["Gaps", "Times in which a source was not connected and that were not played back later."],
  ["Late", "Posts that came after their time was taken for complete. They are counted, except those "
    + "older than post ids are remembered."],
  ["Unseen languages", "Posts in a language that the networks were not trained on: their scores are guesses."],
  ["Without picture", "Posts scored by their words alone: they have no picture, or it could not be had."],
  ["±", "Half of the 95% interval of a mean score."],
];

/** The strip of the namespace on show. */
export function trust(app) {
  const item = app.namespaceItem;
  if (!item) return h("div", { class: "trust", key: "trust" });
  const told = app.gaps.data?.namespace === app.namespace ? app.gaps.data : null;
  const quality = told?.quality ?? null;
  const gaps = (told?.gaps ?? []).filter((gap) => !gap.filled);
  const facts = [complete(item), missed(app, gaps), ...(quality ? lacks(quality) : [])];
  const worries = facts.filter((fact) => fact?.worry);
  return h("section", { class: "trust", key: "trust", "aria-label": "Data quality" },
    h("span", { class: classes("verdict", worries.length ? "careful" : "fine") },
      icon(worries.length ? "alert" : "check"), worries.length ? "Read with care" : "Data sound"),
    h("ul", null, facts.filter(Boolean).map((fact) => h("li", {
      key: fact.key, class: fact.worry && "worry", title: fact.title,
    }, icon(fact.icon), fact.text))));
}

function complete(item) {
  if (item.watermark_ms === null && item.newest_ms === null) {
    return { key: "complete", icon: "clock", text: "No posts yet", title: NO_POSTS };
  }
  if (item.ended) {
    return {
      key: "complete", icon: "clock", title: "The replay is through: no pane changes any more",
      text: ["Complete, last post ", when(item.newest_ms, { withSeconds: true })],
    };
  }
  if (item.watermark_ms === null) {
    return { key: "complete", icon: "clock", text: "Not complete yet", title: WATERMARK };
  }
  const behind = item.kind === "live" ? Date.now() - item.watermark_ms : 0;
  const worry = behind > LAGGING_MS;
  return {
    key: "complete", icon: "clock", worry, title: WATERMARK,
    text: ["Complete to ", when(item.watermark_ms, { withSeconds: true }),
      worry && `, ${duration(behind)} behind`],
  };
}

const NO_POSTS = "Nothing has been counted in this namespace";
const WATERMARK = "Every post up to this time has been counted; what comes later than that is late";

function missed(app, gaps) {
  const text = gaps.length
    ? h("a", { href: app.href(["operations"]) },
      `${plural(gaps.length, "gap")}, ${duration(gaps.reduce((sum, g) => sum + g.to - g.from, 0))}`)
    : "No gaps";
  return {
    key: "gaps", icon: "gap", worry: gaps.length > 0, text,
    title: "Times in which a source was not connected and that were not played back later",
  };
}

function lacks(quality) {
  const of = (n) => (quality.posts ? n / quality.posts : 0);
  const fact = (key, name, n, words, title) => ({
    key, icon: name, worry: of(n) >= NOTABLE, title: `${title}: ${share(of(n))} of ${brief(quality.posts)} posts`,
    text: `${brief(n)} ${words}`,
  });
  return [
    fact("late", "clock", quality.late + quality.too_late, "late",
      `Posts that came after their time was taken for complete (${brief(quality.too_late)} too late to count)`),
    fact("language", "language", quality.unseen_language, "in unseen languages",
      "Written in a language that the networks were not trained on"),
    fact("picture", "picture", quality.without_picture, "without picture",
      "Scored by their words alone: no picture, or one that could not be had"),
  ];
}
