/* An alert in a list: what was seen, what was expected, how rare that is. */

import { Resource, address } from "../api.js";
import { classes, h } from "../dom.js";
import { count, duration, plural, score, share, when } from "../format.js";
import { badge } from "./card.js";
import { waiting } from "./notices.js";
import { postItem } from "./post.js";

const WEEK_MS = 7 * 86_400_000;

const KINDS = {
  negative_share: { name: "Share of negative posts", show: share },
  negative_volume: { name: "Number of negative posts", show: (n) => count(Math.round(n)) },
  sentiment_drop: { name: "Mean score", show: score },
};
const kindOf = (alert) => KINDS[alert.kind] ?? { name: alert.kind.replaceAll("_", " "), show: count };

/** "Share of negative posts 71%; expected 16% (5% to 31%)". */
export function sentenceOf(alert) {
  const { name, show } = kindOf(alert);
  return [
    `${name} `, h("b", null, show(alert.observed)), `; expected ${show(alert.expected)} `,
    h("span", { class: "note", title: "Nine in ten calm windows lie there" },
      `(${show(alert.low)} to ${show(alert.high)})`),
  ];
}

/** A rule that has no name of its own goes by its kind. */
export const ruleOf = ({ rule }) => rule.replaceAll("_", " ");

function rarity({ per_week: perWeek }) {
  if (perWeek === null) return "a fixed threshold";
  if (perWeek >= 1) return `a calm topic shows this about ${count(Math.round(perWeek))} times a week`;
  const years = 1 / perWeek / 52;
  if (years > 100) return "a calm topic shows this less than once in a hundred years";
  return `a calm topic shows this about once in ${years >= 2 ? plural(Math.round(years), "year") : plural(Math.round(1 / perWeek), "week")}`;
}

/** Alerts that are opened up, with their explanations. */
export class Alerts {
  constructor(app) {
    this.app = app;
    this.opened = new Map();
  }

  toggle(id, namespace) {
    if (this.opened.has(id)) {
      this.opened.get(id).close();
      this.opened.delete(id);
    } else {
      const resource = new Resource(() => this.app.redraw());
      this.opened.set(id, resource);
      resource.ask(address(["alerts", id], { namespace }));
    }
    this.app.redraw();
  }

  close() {
    for (const resource of this.opened.values()) resource.close();
  }

  /** `withTopic`: name the topic, where the list holds several. */
  item(alert, { withTopic = true } = {}) {
    const resource = this.opened.get(alert.id);
    const range = around(alert);
    return h("li", { class: classes("alert", alert.state, alert.severity), key: alert.id },
      h("div", { class: "alert-head" }, badge(alert),
        withTopic && h("a", {
          class: "strong", href: this.app.href(["topic", alert.topic], { namespace: alert.namespace, ...range }),
        }, h("bdi", null, alert.topic)),
        h("span", { class: "note" }, h("bdi", null, ruleOf(alert)))),
      h("p", { class: "alert-what" }, sentenceOf(alert)),
      h("p", { class: "note" }, times(alert)),
      h("div", { class: "alert-actions" },
        h("button", {
          class: "link", type: "button", "aria-expanded": String(Boolean(resource)),
          onclick: () => this.toggle(alert.id, alert.namespace),
        }, resource ? "Hide why" : "Why?"),
        h("a", { href: this.app.href(["topic", alert.topic], { namespace: alert.namespace, ...range }) },
          "Show in the chart")),
      resource && this.#explanation(alert, resource));
  }

  #explanation(alert, resource) {
    if (resource.error) return h("p", { class: "notice warning" }, `The explanation can't be had: ${resource.error.message}`);
    if (!resource.data) return waiting();
    const why = resource.data.explanation;
    if (!why) return h("p", { class: "note" }, "There is no explanation for this alert.");
    return h("div", { class: "why" },
      h("ul", { class: "facts" }, facts(alert, why).map((fact, i) => h("li", { key: i }, fact))),
      why.phrases.length > 0 && h("p", null, "Rising: ", why.phrases.map((phrase) =>
        h("span", { class: "chip", key: phrase.text }, h("bdi", null, phrase.text)))),
      why.posts_kept.length > 0 && h("ul", { class: "posts" },
        why.posts_kept.map((post) => postItem(this.app, { post }, alert.namespace))));
  }
}

function facts(alert, why) {
  const { show } = kindOf(alert);
  return [
    `${count(alert.negative)} of ${plural(alert.posts, "post")} in its window are negative`,
    ["From its beginning to ", when(why.until_ms), `: ${plural(why.posts, "post")} by ${plural(why.authors, "author")}`],
    `Of these, ${share(why.repost_share)} are reposts; the busiest author wrote ${share(why.top_author_share)}`,
    alert.peak_observed !== alert.observed && ["Worst: ", show(alert.peak_observed), " at ", when(alert.peak_ms)],
    `Rarity: ${rarity(alert)}`,
    why.cascade && `A cascade: ${why.cascade}`,
  ].filter(Boolean);
}

function times(alert) {
  const began = ["Began ", when(alert.onset_ms), ", raised ", when(alert.opened_ms)];
  if (alert.resolved_ms === null) return [...began, ", still open"];
  return [...began, ", resolved ", when(alert.resolved_ms), ` after ${duration(alert.resolved_ms - alert.onset_ms)}`];
}

/** The time around an alert, for a chart. */
function around(alert) {
  const end = alert.resolved_ms ?? alert.changed_ms;
  const margin = Math.max(1_800_000, (end - alert.onset_ms) / 2);
  const from = Math.max(alert.onset_ms - margin, end - 4 * WEEK_MS);
  return { from: Math.round(from), to: Math.round(end + margin) };
}

