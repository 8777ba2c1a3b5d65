/* Keys that move around, and the dialog that lists them and says what the data quality means. */

import { h } from "../dom.js";
import * as prefs from "../prefs.js";
import { icon } from "./icons.js";
import { switchTheme } from "./shell.js";
import { MEANINGS } from "./trust.js";

/** Key, what it does, and how. A view may add its own by `keys`. */
const KEYS = [
  ["/", "Search", (app) => focusSearch(app)],
  ["g", "Go to the overview", (app) => app.go(app.href([]))],
  ["a", "Go to the alerts", (app) => app.go(app.href(["alerts"]))],
  ["o", "Go to operations", (app) => app.go(app.href(["operations"]))],
  ["t", "Change the theme", (app) => switchTheme(app)],
  ["?", "Show these shortcuts", (app) => app.help(true)],
];

function focusSearch(app) {
  const field = document.querySelector("input[type=search]");
  if (field) field.focus();
  else app.go(app.href([], { find: "1" }));
}

/** Listen, but never while somebody types. */
export function listen(app) {
  document.addEventListener("keydown", (event) => {
    if (!prefs.get("keys") && event.key !== "?") return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.("input, select, textarea, dialog[open]")) return;
    const found = [...(app.view?.keys ?? []), ...KEYS].find(([key]) => key === event.key);
    if (!found) return;
    event.preventDefault();
    found[2](app);
  });
}

/** The dialog. The browser keeps focus inside, closes it by Esc, and gives focus back. */
export function shortcuts(app) {
  const own = app.view?.keys ?? [];
  const close = () => app.help(false);
  return h("dialog", {
    class: "dialog", key: "shortcuts", "aria-labelledby": "shortcuts-title", onclose: close,
    onclick: (event) => event.target.tagName === "DIALOG" && event.target.close(),
    ref: (element) => element.showModal(),
  },
  h("div", { class: "dialog-body" },
    h("header", null, h("h2", { id: "shortcuts-title" }, "Help"),
      h("button", {
        class: "icon-button", type: "button", "aria-label": "Close",
        onclick: (event) => event.target.closest("dialog").close(),
      }, icon("close"))),
    h("h3", null, "Keyboard shortcuts"),
    h("dl", { class: "keys" }, [...KEYS, ...own].map(([key, text]) => h("div", { key },
      h("dt", null, h("kbd", null, key)), h("dd", null, text)))),
    h("label", { class: "check" },
      h("input", {
        type: "checkbox", checked: prefs.get("keys"), onchange: (event) => {
          prefs.put("keys", event.target.checked);
          app.redraw();
        },
      }), "Single keys work (? always does)"),
    h("p", { class: "note" }, "Charts: drag to zoom, double-click to zoom out; every chart has a table beneath."),
    h("h3", null, "The line of data quality"),
    h("dl", { class: "meanings" }, MEANINGS.map(([name, text]) => h("div", { key: name },
      h("dt", null, name), h("dd", null, text))))));
}
