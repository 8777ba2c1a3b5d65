/* Line icons of 16 × 16, drawn in the colour of the text beside them. */

import { h } from "../dom.js";

const PATHS = {
  alert: "M8 2.2 14.6 13.6H1.4ZM8 6.4v3.4M8 11.6v.2",
  arrow: "M6 3.5 10.5 8 6 12.5",
  back: "M10 3.5 5.5 8 10 12.5",
  check: "M3 8.6 6.4 12 13 4.6",
  clock: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8ZM8 4.8V8l2.3 1.6",
  close: "M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4",
  external: "M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3 7.5 8.5",
  gap: "M1.5 8h3.4M11.1 8h3.4M6.4 4.5v7M9.6 4.5v7",
  help: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8ZM6.2 6.4a1.9 1.9 0 1 1 2.6 1.7c-.6.3-.8.6-.8 1.2M8 11.2v.2",
  minus: "M7 2.200a4.800 4.800 0 1 1 0 9.600 4.800 4.800 0 0 1 0-9.600ZM10.500 10.500 14 14M4.800 7h4.400",
  language: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8ZM1.9 8h12.2M8 1.8c-4 4-4 8.400 0 12.4 4-4 4-8.400 0-12.4Z",
  moon: "M13 9.6A5.600 5.600 0 0 1 6.400 3 5.600 5.600 0 1 0 13 9.600Z",
  picture: "M2 3h12v10H2ZM2 11l3.600-3.600L9 10.800l2-2 3 3M10.800 6v.2",
  pin: "M5.500 2h5l-.7 4.400 2.200 2.600H4l2.200-2.600ZM8 9v5",
  search: "M7 2.200a4.800 4.800 0 1 1 0 9.600 4.800 4.800 0 0 1 0-9.600ZM10.500 10.500 14 14",
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM8 1v1.400M8 13.600V15M1 8h1.400M13.600 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  auto: "M2 3h12v8H2ZM5.500 14h5M8 11v3",
};

/** A picture beside words; never the only bearer of meaning. */
export function icon(name, extra) {
  return h(
    "svg",
    {
      class: `icon ${extra ?? ""}`, viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false",
    },
    h("path", { d: PATHS[name] }),
  );
}
