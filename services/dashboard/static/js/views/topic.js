/* One topic over time: moods, mean score, alerts and gaps, what rose, which posts weigh most. */

import { Resource, address } from "../api.js";
import { h } from "../dom.js";
import { plural, span } from "../format.js";
import { Alerts } from "../parts/alert.js";
import { agreement } from "../parts/agreement.js";
import { badge, pin } from "../parts/card.js";
import { segmented, select } from "../parts/controls.js";
import { icon } from "../parts/icons.js";
import { failure, loading, stale } from "../parts/notices.js";
import { endOf, likewise, panned, rangeOf, startOf, widened } from "../parts/ranges.js";
import * as parts from "../parts/topic.js";
import { RANGES, resolutionFor, resolutionsFor } from "../windows.js";

const POSTS = 100;
const THROTTLE_MS = 1000;
/** The server may answer with a series that it read half a second ago: so we look once more. */
const SETTLE_MS = 550;
/** Between looks at words, which cost more and change less. */
const WORDS_MS = 5000;

export const open = (app, route) => new Topic(app, route);

class Topic {
  constructor(app, route) {
    this.app = app;
    this.topic = route.parts.join("/");
    const make = () => new Resource(() => this.#arrived());
    this.detail = make();
    this.series = make();
    this.posts = make();
    this.phrases = make();
    this.other = { detail: make(), series: make() };
    this.alerts = new Alerts(app);
    this.tables = new Set();
    this.onlyDiffering = false;
    this.askedMs = 0;
    this.moved(route);
  }

  keys = [
    ["[", "Earlier", () => this.#pan(-1)],
    ["]", "Later", () => this.#pan(1)],
    ["-", "Zoom out", () => this.#zoomOut()],
  ];

  title = () => this.topic;

  moved({ query }) {
    this.query = query;
    this.wordsMs = 0;
    this.elapsed = query.time === "replay";
  }

  get namespace() {
    return this.app.namespace;
  }

  get compared() {
    const name = this.query.compare;
    return name && name !== this.namespace ? name : null;
  }

  start() {
    this.#askDetail(this.detail, this.namespace);
    if (this.compared) this.#askDetail(this.other.detail, this.compared);
    this.#askRange();
  }

  refresh() {
    this.start();
  }

  close() {
    const { detail, series } = this.other;
    for (const each of [this.detail, this.series, this.posts, this.phrases, detail, series]) each.close();
    this.alerts.close();
    clearTimeout(this.later);
    clearTimeout(this.settling);
  }

  #askDetail(resource, namespace) {
    if (resource.data && resource.data.namespace !== namespace) resource.data = null;
    resource.ask(address(["topics", this.topic], { namespace }));
  }

  /** What belongs to the stretch of time on show; its ends may hang on the newest post. */
  #askRange() {
    if (this.detail.data === null || (this.range = rangeOf(this.query, this.detail.data)) === null) return;
    const { from, to } = this.range;
    const within = { namespace: this.namespace, from, to };
    const resolution = this.#resolution();
    this.series.ask(address(["topics", this.topic, "series"], { ...within, resolution }));
    this.#askWords(within);
    const other = this.compared && this.other.detail.data;
    const there = other && likewise(this.range, this.detail.data, other);
    if (!there) return;
    this.other.series.ask(address(["topics", this.topic, "series"], {
      namespace: this.compared, resolution, from: there.from, to: there.to,
    }));
  }

  #askWords(within) {
    if (Date.now() - this.wordsMs < WORDS_MS) return;
    this.wordsMs = Date.now();
    this.posts.ask(address(["topics", this.topic, "posts"], { ...within, limit: POSTS }));
    this.phrases.ask(address(["topics", this.topic, "phrases"], { ...within, from: this.#risingFrom() }));
  }

  /** Words rise against the time before; of a whole replay, its second half against the first. */
  #risingFrom() {
    const { from, to } = this.range;
    const whole = from <= startOf(this.detail.data);
    return whole ? Math.round(to - (to - from) / 2) : from;
  }

  /** The width of the panes: what was asked for where it fits, else what reads well. */
  #resolution() {
    const end = endOf(this.detail.data);
    const asked = this.query.per;
    return resolutionsFor(this.range, end).includes(asked) ? asked : resolutionFor(this.range, end);
  }

  #arrived() {
    const range = this.detail.data && rangeOf(this.query, this.detail.data);
    const same = range && this.range && range.from === this.range.from && range.to === this.range.to;
    const waits = this.compared && this.other.detail.data && this.other.series.empty;
    if (range && (!same || waits)) this.#askRange();
    this.app.redraw();
  }

  heard(type, data) {
    const mine = type === "figures" ? data.more > 0 || data.topics.some((row) => row.topic === this.topic)
      : type === "alert" && data.alert.topic === this.topic;
    if (!mine) return;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.start(), SETTLE_MS);
    if (this.later) return;
    const wait = Math.max(0, this.askedMs + THROTTLE_MS - Date.now());
    this.later = setTimeout(() => {
      this.later = null;
      this.askedMs = Date.now();
      this.start();
    }, wait);
  }

  /** Another query of the same page. */
  #choose(changes, replace = false) {
    const { namespace, range, from, to, time, per, compare } = { ...this.query, ...changes };
    const query = { namespace, range, from, to, time, per, compare };
    this.app.go(this.app.href(["topic", this.topic], query), { keep: true, replace });
  }

  #show = ({ from, to }) =>
    this.#choose({ range: undefined, from: Math.round(from), to: Math.round(to) });

  #pan = (direction) => this.range && this.#show(panned(this.range, direction));

  #zoomOut = () => this.range && this.#show(widened(this.range));

  render() {
    const { detail } = this;
    if (detail.data === null) {
      return [this.#head(), detail.empty ? loading() : failure(detail.error, () => this.start())];
    }
    return [
      this.#head(), this.#tools(), stale(detail.error ?? this.series.error),
      this.range === null ? parts.quiet() : this.#body(),
    ];
  }

  #head() {
    const found = this.detail.data;
    const { count: posts, first_post_ms: first, last_post_ms: last } = found?.totals ?? {};
    return h("header", { class: "view-head", key: "head" }, h("div", null,
      h("a", { class: "crumb", href: this.app.href([]) }, icon("back"), "Overview"),
      h("h1", null, h("bdi", null, this.topic), found?.alert && badge(found.alert), found && pin(this.app, this.topic)),
      posts > 0 && h("p", { class: "note" }, `${plural(posts, "post")} since counting began, `, span(first, last), parts.lacks(found.totals))));
  }

  #tools() {
    const replay = this.detail.data.kind === "replay";
    const ranges = RANGES.map(([name, , title]) => [name, name, title]);
    const turn = (label, name, act) => h("button", {
      key: label, class: "icon-button", type: "button", "aria-label": label, title: label, onclick: act,
    }, icon(name));
    return h("div", { class: "tools", key: "tools" },
      segmented("Range", [...ranges, ["all", "All", "Everything there is"]], this.range?.name,
        (name) => this.#choose({ range: name, from: undefined, to: undefined })),
      h("div", { class: "pan", role: "group", "aria-label": "Move the range" },
        turn("Earlier", "back", () => this.#pan(-1)), turn("Later", "arrow", () => this.#pan(1)),
        turn("Zoom out", "minus", this.#zoomOut)),
      replay && segmented("Time", [["event", "Event time"], ["replay", "Replay time", "Since the replay's first post"]],
        this.elapsed ? "replay" : "event", (time) => this.#choose({ time: time === "event" ? undefined : time })),
      this.#ends());
  }

  #ends() {
    if (!this.range) return null;
    const steps = resolutionsFor(this.range, endOf(this.detail.data));
    return h("div", { class: "end" },
      select("Per", [["", "automatic"], ...steps.map((name) => [name, name])],
        steps.includes(this.query.per) ? this.query.per : "", (per) => this.#choose({ per: per || undefined })),
      this.#comparison());
  }

  #comparison() {
    const others = (this.app.namespaces.data ?? []).filter((n) => n.name !== this.namespace);
    if (!others.length) return null;
    return select("Compare with",
      [["", "nothing"], ...others.map((n) => [n.name, n.name])], this.compared ?? "",
      (name) => this.#choose({ compare: name || undefined }));
  }

  #body() {
    const series = this.series.data;
    if (series === null) return this.series.empty ? loading() : failure(this.series.error, () => this.start());
    return h("div", { class: this.compared ? "topic compared" : "topic", key: "body" },
      parts.figures(series),
      this.compared ? this.#sideBySide(series) : this.#charts(series, this.detail.data, null),
      h("div", { class: "topic-side", key: "side" },
        parts.windows(this.detail.data), parts.alerts(series.alerts, this.alerts),
        agreement(this.app, this.posts.data)),
      parts.phrases(this.phrases),
      parts.posts(this.app, this.posts, this.onlyDiffering, (only) => {
        this.onlyDiffering = only;
        this.app.redraw();
      }));
  }

  #charts(series, detail, most) {
    const { namespace } = series;
    return parts.charts(series, {
      key: namespace, most, height: this.compared ? 220 : 264, named: Boolean(this.compared),
      ended: detail.ended, base: this.elapsed && detail.kind === "replay" ? detail.totals.first_post_ms : null,
      zoom: (from, to) => this.#show({ from, to }), zoomOut: this.#zoomOut,
      table: this.tables.has(namespace),
      toggle: (shown) => {
        this.tables[shown ? "add" : "delete"](namespace);
        this.app.redraw();
      },
    });
  }

  #sideBySide(series) {
    const { detail, series: there } = this.other;
    if (!there.data || there.data.namespace !== this.compared) {
      const error = detail.error ?? there.error;
      return h("div", { class: "topic-main pair", key: "main" }, this.#charts(series, this.detail.data, null),
        error ? parts.nothingThere(this.compared, error) : loading());
    }
    const most = Math.max(parts.highest(series), parts.highest(there.data));
    return h("div", { class: "topic-main pair", key: "main" },
      this.#charts(series, this.detail.data, most), this.#charts(there.data, detail.data, most));
  }
}

