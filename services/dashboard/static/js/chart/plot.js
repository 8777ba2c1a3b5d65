/*
 * A uPlot chart as an element of the page: made when it first has a width, kept while its shape
 * is the same, drawn anew when figures or theme change.
 */

import { h, patch } from "../dom.js";
import { colours } from "./colours.js";

const held = new WeakMap();
/** By element: what it shows now, the plot, its tooltip. */

/**
 * `spec`: {shape, height, label, options(colours, width), data, tooltip(index), zoom(from, to),
 * zoomOut()}. A new `shape` (a string) makes a new plot; else only the data are exchanged.
 */
export function plot(key, spec) {
  return h("div", {
    class: "chart", key, role: "img", "aria-label": spec.label, style: { height: `${spec.height}px` },
    hook: {
      make: (element) => make(element, spec),
      update: (element) => show(element, spec),
      drop: (element) => drop(element),
    },
  });
}

function make(element, spec) {
  const canvasHome = element.appendChild(document.createElement("div"));
  const tip = element.appendChild(document.createElement("div"));
  tip.className = "tooltip";
  tip.hidden = true;
  const chart = { spec, home: canvasHome, tip, plot: null, shape: null, width: 0 };
  held.set(element, chart);
  chart.observer = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width < 40 || width === chart.width) return;
    chart.width = width;
    if (chart.plot) chart.plot.setSize({ width, height: chart.spec.height });
    else show(element, chart.spec);
  });
  chart.observer.observe(element);
}

function show(element, spec) {
  const chart = held.get(element);
  const changed = chart.data !== spec.data;
  chart.spec = spec;
  if (!chart.width) return;
  const theme = colours();
  const shape = `${spec.shape} ${Object.values(theme).join()}`;
  if (shape !== chart.shape) build(chart, shape, theme);
  else if (changed) chart.plot.setData(spec.data);
  else if (chart.marks !== spec.marks) chart.plot.redraw(false);
  chart.data = spec.data;
  chart.marks = spec.marks;
}

function build(chart, shape, theme) {
  chart.plot?.destroy();
  chart.shape = shape;
  const options = chart.spec.options(theme, () => chart.spec);
  chart.plot = new globalThis.uPlot({
    ms: 1, legend: { show: false }, ...options,
    width: chart.width, height: chart.spec.height,
    cursor: { drag: { x: true, y: false, setScale: false }, focus: { prox: -1 }, ...options.cursor },
    hooks: {
      ...options.hooks,
      setSelect: [(plot) => selected(chart, plot)],
      setCursor: [(plot) => point(chart, plot)],
    },
  }, chart.spec.data, chart.home);
  chart.plot.over.addEventListener("dblclick", () => chart.spec.zoomOut?.());
  chart.plot.over.addEventListener("mouseleave", () => { chart.tip.hidden = true; });
}

/** A drag over the chart: this time is what the reader wants to see. */
function selected(chart, plot) {
  const { left, width } = plot.select;
  if (width < 6) return;
  const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  chart.spec.zoom?.(from, to);
}

function point(chart, plot) {
  const { idx, left } = plot.cursor;
  const mine = plot.over.matches(":hover");
  chart.tip.hidden = !mine || idx === null || idx === undefined || left < 0;
  if (chart.tip.hidden) return;
  patch(chart.tip, chart.spec.tooltip(idx));
  const room = plot.over.clientWidth;
  const x = plot.over.offsetLeft + left;
  chart.tip.style.setProperty("inset-inline-start", `${x}px`);
  chart.tip.classList.toggle("before", left > room / 2);
}

function drop(element) {
  const chart = held.get(element);
  chart.observer.disconnect();
  chart.plot?.destroy();
  held.delete(element);
}
