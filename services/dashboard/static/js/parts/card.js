/* A topic in the overview. */

import { classes, h } from "../dom.js";
import { brief, count, fineShare, plural, share } from "../format.js";
import * as prefs from "../prefs.js";
import { icon } from "./icons.js";
import { change, scoreOf, shares, spark } from "./mood.js";

/** Few cards keep the width of many. */
const FEW = 3;

export const cards = (app, rows) =>
  h("ul", { class: classes("cards", rows.length < FEW && "few") }, rows.map((row) => card(app, row)));

/** The card of one row of `/topics`. */
function card(app, row) {
  const { topic, window: figures } = row;
  return h("li", { class: classes("card", row.alert && `alerted ${row.alert.severity}`), key: topic },
    h("div", { class: "card-head" },
      h("h3", null, h("a", { class: "card-link", href: app.href(["topic", topic]) },
        h("bdi", null, topic))),
      row.alert && badge(row.alert),
      pin(app, topic)),
    h("div", { class: "card-score" },
      scoreOf(figures.mean_score, figures.standard_error, { large: true }),
      change(row.change, row.change_error)),
    shares(figures),
    spark(row.spark),
    h("p", { class: "card-foot" },
      h("span", null, h("data", { value: figures.count, class: "strong" }, brief(figures.count)),
        figures.count === 1 ? " post" : " posts"),
      h("span", null, `${brief(figures.authors)} ${figures.authors === 1 ? "author" : "authors"}`),
      h("span", { title: "Share of voice: its posts among those of all topics" },
        `${(row.share_of_voice < 0.01 ? fineShare : share)(row.share_of_voice)} of voice`)));
}

/** How grave, and whether still open; the colour only repeats the word. */
export function badge(alert) {
  return h("span", { class: classes("badge", alert.state === "resolved" ? "calm" : alert.severity) },
    icon(alert.state === "resolved" ? "check" : "alert"),
    alert.state === "resolved" ? "Resolved" : NAMES[alert.severity] ?? alert.severity,
    alert.state === "worse" && ", worse");
}

const NAMES = { info: "Notice", warning: "Warning", critical: "Critical" };

export function pin(app, topic) {
  const held = prefs.isPinned(app.namespace, topic);
  return h("button", {
    class: classes("icon-button pin", held && "on"), type: "button", "aria-pressed": String(held),
    "aria-label": `Pin ${topic}`, title: held ? "Unpin" : "Pin to the top",
    onclick: () => {
      prefs.togglePin(app.namespace, topic);
      app.announce(held ? `${topic} unpinned` : `${topic} pinned`);
      app.view?.start?.();
      app.redraw();
    },
  }, icon("pin"));
}

/** "3 topics", "144 posts". */
export const sizes = (page) => `${plural(page.total, "topic")}, ${count(page.posts)} posts`;
