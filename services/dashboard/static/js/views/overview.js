/* How each topic feels now: a card per topic, a page at a time. */

import { Resource, address } from "../api.js";
import { h } from "../dom.js";
import { plural, when } from "../format.js";
import { cards, sizes } from "../parts/card.js";
import { segmented, select } from "../parts/controls.js";
import { icon } from "../parts/icons.js";
import { empty, failure, firstRun, loading, stale } from "../parts/notices.js";
import { voice } from "../parts/voice.js";
import * as prefs from "../prefs.js";
import { WINDOWS, nameOf } from "../windows.js";

const PER_PAGE = 24;
const LOUDEST = 8;
const TYPING_MS = 200;
/** Between looks at which topics stand where; sooner where one is new. */
const REORDER_MS = 4000;
const NEWS_MS = 1500;
const SORTS = {
  alert: ["Alerts first", "alert", "desc"],
  negative: ["Most negative", "negative", "desc"],
  falling: ["Falling most", "change", "asc"],
  rising: ["Rising most", "change", "desc"],
  count: ["Most posts", "count", "desc"],
  score: ["Best score", "score", "desc"],
  name: ["Name", "name", "asc"],
};

export const open = (app, route) => new Overview(app, route);

class Overview {
  constructor(app, route) {
    this.app = app;
    this.page = new Resource(() => app.redraw());
    this.loudest = new Resource(() => app.redraw());
    this.pinned = new Map();
    this.reorderMs = 0;
    this.moved(route);
    this.typed = this.q;
    if (route.query.find) this.find = true;
  }

  title = () => "Overview";

  moved({ query }) {
    this.q = query.q ?? "";
    this.sort = query.sort in SORTS ? query.sort : prefs.get("sort") in SORTS ? prefs.get("sort") : "alert";
    this.number = Math.max(1, Number.parseInt(query.page, 10) || 1);
  }

  start() {
    const [, sort, order] = SORTS[this.sort];
    const common = { namespace: this.app.namespace, window: this.app.window };
    this.page.ask(address(["topics"], {
      ...common, q: this.q, sort, order, offset: (this.number - 1) * PER_PAGE, limit: PER_PAGE,
    }));
    this.loudest.ask(address(["topics"], { ...common, sort: "count", order: "desc", limit: LOUDEST }));
    this.#askPinned(common);
  }

  refresh() {
    this.start();
  }

  /** Pinned topics may stand on any page: each is asked for by its name. */
  #askPinned(common) {
    const names = new Set(prefs.pinned(this.app.namespace));
    for (const [name, resource] of this.pinned) {
      if (!names.has(name)) this.pinned.delete(name), resource.close();
    }
    for (const name of names) {
      if (!this.pinned.has(name)) this.pinned.set(name, new Resource(() => this.app.redraw()));
      this.pinned.get(name).ask(address(["topics"], { ...common, q: name, limit: PER_PAGE }));
    }
  }

  close() {
    clearTimeout(this.later);
    clearTimeout(this.typing);
    for (const each of [this.page, this.loudest, ...this.pinned.values()]) each.close();
  }

  /** Rows that changed take their place; whatever else may have moved is asked for anew. */
  heard(type, data) {
    if (type === "alert") return this.start();
    if (type !== "figures" || data.window !== this.app.window) return undefined;
    const fresh = new Map(data.topics.map((row) => [row.topic, row]));
    const known = new Set();
    for (const { data: page } of [this.page, this.loudest, ...this.pinned.values()]) {
      if (!page) continue;
      page.topics = page.topics.map((row) => fresh.get(row.topic) ?? row);
      for (const row of page.topics) known.add(row.topic);
      page.end_ms = data.end_ms ?? page.end_ms;
      page.posts = data.posts ?? page.posts;
    }
    const news = data.more > 0 || data.topics.some((row) => !known.has(row.topic));
    if (news || this.sort !== "name") this.#reorder(news ? NEWS_MS : REORDER_MS);
    return undefined;
  }

  #reorder(pause) {
    const due = this.reorderMs + pause;
    if (this.later && due >= this.dueMs) return;
    clearTimeout(this.later);
    this.dueMs = due;
    this.later = setTimeout(() => {
      this.later = null;
      this.reorderMs = Date.now();
      this.start();
    }, Math.max(0, due - Date.now()));
  }

  /** Another query, in the address, so that it can be shared and gone back to. */
  #choose(changes) {
    const { q, sort, window } = { q: this.q, sort: this.sort, window: this.app.route.query.window, ...changes };
    const page = changes.page > 1 ? changes.page : undefined;
    this.app.go(this.app.href([], { q, sort, window, page }), { replace: !("page" in changes), keep: true });
  }

  #type(text) {
    this.typed = text;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.#choose({ q: text.trim() }), TYPING_MS);
  }

  render() {
    const { page } = this;
    if (page.empty) return [this.#head(), loading()];
    if (page.data === null) return [this.#head(), failure(page.error, () => this.start())];
    if (!page.data.total && !this.q) return [this.#head(), teach(this.app)];
    return [this.#head(), this.#tools(), stale(page.error), this.#voice(), this.#pins(), this.#cards()];
  }

  #head() {
    const page = this.page.data;
    const note = page?.total > 0 && h("p", { class: "note" }, sizes(page),
      ` in ${nameOf(this.app.window)}`, page.end_ms ? [" to ", when(page.end_ms)] : null);
    return h("header", { class: "view-head", key: "head" }, h("div", null, h("h1", null, "Overview"), note));
  }

  #tools() {
    return h("div", { class: "tools", key: "tools" },
      h("label", { class: "search" }, icon("search"),
        h("span", { class: "visually-hidden" }, "Find topics"),
        h("input", {
          type: "search", placeholder: "Find topics", value: this.typed, autocomplete: "off",
          spellcheck: "false", oninput: (event) => this.#type(event.target.value),
          ref: (field) => this.find && field.focus(),
        })),
      segmented("Rolling window", WINDOWS.map((w) => [w, w, nameOf(w)]), this.app.window, (window) => {
        prefs.put("window", window);
        this.#choose({ window });
      }),
      select("Sort", Object.entries(SORTS).map(([name, [text]]) => [name, text]), this.sort, (sort) => {
        prefs.put("sort", sort);
        this.#choose({ sort });
      }));
  }

  #voice() {
    return this.loudest.data && !this.q && this.number === 1 ? voice(this.app, this.loudest.data) : null;
  }

  #pins() {
    const rows = [...this.pinned].map(([name, { data }]) =>
      data?.topics.find((row) => row.topic === name)).filter(Boolean);
    if (!rows.length || this.q) return null;
    return h("section", { key: "pins", "aria-labelledby": "pins-title" },
      h("h2", { class: "section-title", id: "pins-title" }, "Pinned"),
      cards(this.app, rows));
  }

  #cards() {
    const page = this.page.data;
    if (!page.total) {
      return empty(`No topic matches “${this.q}”`, h("button", {
        class: "button", type: "button",
        onclick: () => { this.typed = ""; this.#choose({ q: "" }); },
      }, "Show all topics"));
    }
    const held = this.q ? new Set() : new Set(this.pinned.keys());
    const rows = page.topics.filter((row) => !held.has(row.topic));
    return h("section", { key: "cards", "aria-labelledby": "cards-title" },
      h("h2", { class: held.size ? "section-title" : "visually-hidden", id: "cards-title" },
        held.size ? "Other topics" : "Topics"),
      cards(this.app, rows),
      this.#pages(page));
  }

  #pages(page) {
    const last = Math.ceil(page.total / PER_PAGE);
    if (last < 2) return null;
    const first = (this.number - 1) * PER_PAGE + 1;
    const turn = (to, text) => h("button", {
      class: "button", type: "button", disabled: to < 1 || to > last,
      onclick: () => { this.#choose({ page: to }); scrollTo(0, 0); },
    }, text);
    return h("nav", { class: "pages", "aria-label": "Pages of topics" },
      turn(this.number - 1, "Previous"),
      h("span", null, `${first.toLocaleString()}–${Math.min(page.total, first + PER_PAGE - 1).toLocaleString()} of ${plural(page.total, "topic")}`),
      turn(this.number + 1, "Next"));
  }
}

/** Nothing has been counted here: how to get something, and where there is something. */
function teach(app) {
  const others = (app.namespaces.data ?? []).filter((n) => n.newest_ms !== null && n.name !== app.namespace);
  return firstRun(others.length > 0 && h("p", null, "Figures that are there already: ",
    others.slice(0, 5).map((n) =>
      h("a", { key: n.name, class: "chip", href: app.href([], { namespace: n.name }) }, n.name))));
}
