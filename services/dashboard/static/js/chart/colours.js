/* The page's colours, for what is drawn on a canvas. Read again when the theme changes. */

const NAMES = [
  "ink", "ink-2", "ink-3", "line", "line-strong", "surface", "accent", "positive", "neutral",
  "negative", "critical", "warning", "info",
];

/** As colours, not as text: what `light-dark()` comes to is settled before we read it. */
for (const name of NAMES) {
  CSS.registerProperty({ name: `--${name}`, syntax: "<color>", inherits: true, initialValue: "#888" });
}

export function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** The colour at this opacity. */
export function faint(colour, alpha) {
  return `color-mix(in srgb, ${colour} ${alpha * 100}%, transparent)`;
}
