/* The bar above every view: where one is, whose figures these are, whether they are fresh. */

import { classes, h } from "../dom.js";
import { moment, plural } from "../format.js";
import * as prefs from "../prefs.js";
import { icon } from "./icons.js";
import { trust } from "./trust.js";

const THEMES = { auto: ["light", "auto"], light: ["dark", "sun"], dark: ["auto", "moon"] };
const PAGES = [["", "Overview"], ["alerts", "Alerts"], ["operations", "Operations"]];

/** The whole header. */
export function shell(app) {
  return [
    h("div", { class: "bar", key: "bar" },
      brand(app), navigation(app), h("div", { class: "bar-end" },
        namespaces(app), connection(app), theme(app), help(app))),
    trust(app),
  ];
}

function brand(app) {
  return h("a", { class: "brand", href: app.href([]), "aria-label": "Undertone, overview" },
    h("svg", { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true", focusable: "false" },
      h("rect", { class: "mark-ground", width: 32, height: 32, rx: 8 }),
      h("path", { class: "mark-line", d: "M5 17h3.5l2.5-6 4 13 4.5-17 3.5 12 1.5-2H27" })),
    h("span", { class: "wordmark" }, "Undertone"));
}

function navigation(app) {
  const here = app.route?.name ?? "";
  return h("nav", { "aria-label": "Views" }, h("ul", null, PAGES.map(([name, title]) =>
    h("li", { key: name }, h("a", {
      href: name ? app.href([name]) : app.href([]),
      "aria-current": name === here ? "page" : null,
    }, title)))));
}

function namespaces(app) {
  const all = app.namespaces.data ?? [];
  if (!all.length) return null;
  return h("label", { class: "select namespace" },
    h("span", { class: "visually-hidden" }, "Namespace: live figures, or those of a replay"),
    h("select", {
      value: app.namespace ?? "",
      onchange: (event) => app.go(elsewhere(app, event.target.value)),
    }, groups(all).map(([name, items]) => h("optgroup", { key: name, label: name },
      items.map((n) => h("option", { key: n.name, value: n.name, selected: n.name === app.namespace },
        n.name))))));
}

function groups(all) {
  const of = (kind) => all.filter((n) => n.kind === kind);
  const replays = of("replay").sort((a, b) => b.created_ms - a.created_ms);
  return [["Live", of("live")], ["Replays", replays]].filter(([, items]) => items.length);
}

/** The same page in another namespace; a post belongs to its own. */
function elsewhere(app, namespace) {
  const { name, parts } = app.route;
  return app.href(name === "post" || !name ? [] : [name, ...parts], { namespace });
}

const STATES = {
  connecting: ["Connecting", "waiting"], live: ["Live", "good"], lost: ["Connection lost", "bad"],
  trouble: ["Store away", "bad"], paused: ["Paused", "waiting"],
};

function connection(app) {
  const { state, lastMs } = app.live;
  const item = app.namespaceItem;
  const [text, look] = state === "live" && item?.kind === "replay"
    ? (item.ended ? ["Replay over", "calm"] : ["Replaying", "good"]) : STATES[state];
  const asOf = look === "bad" && lastMs
    ? h("span", { class: "as-of" }, `data as of ${moment(lastMs, { withSeconds: true })}`) : null;
  return h("div", { class: classes("connection", look), title: hint(app, state) },
    h("span", { class: "dot", "aria-hidden": "true" }),
    h("span", { class: "state" }, h("span", null, text), asOf));
}

function hint(app, state) {
  if (state === "lost") return "The page reconnects by itself; nothing is lost";
  if (state === "trouble") return `${app.live.reason}. Figures come back by themselves`;
  const n = app.namespaces.data?.length ?? 0;
  return `Figures update by themselves; ${plural(n, "namespace")}`;
}

function theme(app) {
  const now = prefs.get("theme");
  const [next, name] = THEMES[now];
  const words = now === "auto" ? "as the system" : now;
  return h("button", {
    class: "icon-button", type: "button", title: `Theme: ${words} (t)`,
    "aria-label": `Theme: ${words}. Change to ${next === "auto" ? "the system's" : next}`,
    onclick: () => switchTheme(app),
  }, icon(name));
}

export function switchTheme(app) {
  prefs.put("theme", THEMES[prefs.get("theme")][0]);
  prefs.applyTheme();
  app.redraw();
}

function help(app) {
  return h("button", {
    class: "icon-button", type: "button", title: "Help and keyboard shortcuts (?)",
    "aria-label": "Help and keyboard shortcuts", "aria-haspopup": "dialog",
    onclick: () => app.help(true),
  }, icon("help"));
}
