/* What a reader chose and wants to find again: theme, pins, window. Kept in this browser alone. */

const KEY = "undertone";
const DEFAULTS = { theme: "auto", pins: [], window: "1h", sort: "negative", network: "dmlanet", keys: true };

let held = { ...DEFAULTS };
try {
  held = { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
} catch {
  // Storage is off or broken: choices last as long as the page.
}

export const get = (name) => held[name];

export function put(name, value) {
  held = { ...held, [name]: value };
  try {
    localStorage.setItem(KEY, JSON.stringify(held));
  } catch {
    // As above.
  }
}

const pin = (namespace, topic) => `${namespace}/${topic}`;
export const isPinned = (namespace, topic) => held.pins.includes(pin(namespace, topic));
export const pinned = (namespace) =>
  held.pins.filter((p) => p.startsWith(`${namespace}/`)).map((p) => p.slice(namespace.length + 1));

export function togglePin(namespace, topic) {
  const name = pin(namespace, topic);
  const others = held.pins.filter((p) => p !== name);
  put("pins", others.length === held.pins.length ? [...others, name] : others);
}

/** Light, dark, or as the system has it. */
export function applyTheme(theme = held.theme) {
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = theme;
}
