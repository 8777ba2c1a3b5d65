/* Small controls that several views use. */

import { classes, h } from "../dom.js";

/** One of a few, side by side. `options`: `[value, label, title?]`. */
export function segmented(label, options, chosen, choose) {
  return h("div", { class: "segmented", role: "group", "aria-label": label },
    options.map(([value, text, title]) =>
      h("button", {
        key: value, type: "button", title, "aria-pressed": String(value === chosen),
        onclick: () => choose(value),
      }, text)));
}

/** A labelled drop-down. `options`: `[value, label]`. */
export function select(label, options, chosen, choose, { hideLabel = false, id } = {}) {
  return h("label", { class: "select" },
    h("span", { class: hideLabel ? "visually-hidden" : "select-label" }, label),
    h("select", { id, value: chosen, onchange: (event) => choose(event.target.value) },
      options.map(([value, text]) =>
        h("option", { key: value, value, selected: value === chosen }, text))));
}

/** A number with its name beneath or above: the smallest unit of a page of figures. */
export function figure(name, value, note, extra) {
  return h("div", { class: classes("figure", extra) },
    h("dt", null, name), h("dd", null, value, note && h("span", { class: "note" }, note)));
}

/** A titled box. */
export function panel({ title, note, tools, key, extra, id }, ...children) {
  return h("section", { class: classes("panel", extra), key: key ?? title, "aria-label": title, id },
    h("header", { class: "panel-head" },
      h("div", null, h("h2", null, title), note && h("p", { class: "note" }, note)),
      tools && h("div", { class: "panel-tools" }, tools)),
    children);
}

/** A table that scrolls by itself where it is too wide. `columns`: `{name, numeric, cell(row)}`. */
export function table(caption, columns, rows, { key = (row, i) => i, hidden = true } = {}) {
  return h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": `${caption}, table` },
    h("table", null,
      h("caption", { class: hidden ? "visually-hidden" : null }, caption),
      h("thead", null, h("tr", null, columns.map((c) =>
        h("th", { key: c.name, scope: "col", class: c.numeric && "numeric" }, c.name)))),
      h("tbody", null, rows.map((row, i) => h("tr", { key: key(row, i) },
        columns.map((c, n) => h(n ? "td" : "th", {
          key: c.name, scope: n ? null : "row", class: c.numeric && "numeric",
        }, c.cell(row))))))));
}
