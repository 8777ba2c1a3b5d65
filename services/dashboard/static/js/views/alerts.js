/* All alerts of a namespace, newest first. */

import { Resource, address } from "../api.js";
import { h } from "../dom.js";
import { plural } from "../format.js";
import { Alerts } from "../parts/alert.js";
import { panel, segmented } from "../parts/controls.js";
import { icon } from "../parts/icons.js";
import { command, empty, failure, loading, stale } from "../parts/notices.js";

const MOST = 200;
const STATES = { all: "All", open: "Open", resolved: "Resolved" };

export const open = (app, route) => new AlertsView(app, route);

class AlertsView {
  constructor(app, route) {
    this.app = app;
    this.list = new Resource(() => app.redraw());
    this.items = new Alerts(app);
    this.moved(route);
    this.typed = this.q;
    if (route.query.id) this.wanted = route.query.id;
  }

  title = () => "Alerts";

  moved({ query }) {
    this.state = query.state in STATES ? query.state : "all";
    this.q = query.q ?? "";
  }

  start() {
    this.list.ask(address(["alerts"], { namespace: this.app.namespace, limit: MOST }));
    if (!this.wanted) return;
    this.items.toggle(this.wanted, this.app.namespace);
    this.wanted = null;
  }

  refresh() {
    this.start();
  }

  heard(type) {
    if (type === "alert") this.start();
  }

  close() {
    this.list.close();
    this.items.close();
    clearTimeout(this.typing);
  }

  #choose(changes) {
    const query = { state: this.state === "all" ? undefined : this.state, q: this.q, ...changes };
    this.app.go(this.app.href(["alerts"], query), { keep: true, replace: true });
  }

  #type(text) {
    this.typed = text;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.#choose({ q: text.trim() }), 200);
  }

  render() {
    const { list } = this;
    const head = h("header", { class: "view-head", key: "head" }, h("div", null, h("h1", null, "Alerts"),
      h("p", { class: "note" }, "Raised when a topic's mood turns from what its own past leads one to expect")));
    if (list.data === null) return [head, list.empty ? loading() : failure(list.error, () => this.start())];
    if (!list.data.alerts.length) return [head, calm()];
    return [head, this.#tools(list.data.alerts), stale(list.error), this.#groups(list.data.alerts)];
  }

  #tools(all) {
    const n = (name) => all.filter((alert) => fits(alert, name)).length;
    return h("div", { class: "tools", key: "tools" },
      segmented("State", Object.entries(STATES).map(([name, text]) => [name, `${text} (${n(name)})`]), this.state,
        (state) => this.#choose({ state: state === "all" ? undefined : state })),
      h("label", { class: "search" }, icon("search"), h("span", { class: "visually-hidden" }, "Find alerts by topic"),
        h("input", {
          type: "search", placeholder: "Find by topic", value: this.typed, autocomplete: "off", spellcheck: "false",
          oninput: (event) => this.#type(event.target.value),
        })));
  }

  #groups(all) {
    const sought = this.q.toLocaleLowerCase();
    const shown = all.filter((alert) => fits(alert, this.state) && alert.topic.toLocaleLowerCase().includes(sought));
    if (!shown.length) return empty("No alert fits", h("p", null, "Another state, or another topic?"));
    return ["open", "resolved"].map((name) => {
      const group = shown.filter((alert) => fits(alert, name));
      return group.length > 0 && panel({
        title: STATES[name], key: name, note: plural(group.length, "alert"),
      }, h("ul", { class: "alerts" }, group.map((alert) => this.items.item(alert))));
    });
  }
}

const fits = (alert, state) => state === "all" || (alert.state === "resolved") === (state === "resolved");

function calm() {
  return empty("No alerts",
    h("p", null, "Nothing in this namespace has turned from what was to be expected. How calm is meant is set "
      + "per topic, under ", h("code", null, "alerts"), " in the topics file. What would have been raised on figures that are there:"),
    command("undertone alerts backtest --help"));
}
