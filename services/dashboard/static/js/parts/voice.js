/* Share of voice: whom people talk about, and in what mood, in one bar. */

import { h } from "../dom.js";
import { count, fineShare, score, share } from "../format.js";
import { panel } from "./controls.js";
import { tint } from "./mood.js";

/** What is smaller is not worth a part: among very many topics, none may be. */
const SMALL = 0.005;

/** `rows`: the topics of the most posts; the rest is one part. */
export function voice(app, page) {
  const rows = page.topics.filter((row) => row.share_of_voice > 0);
  if (rows.length < 2 || rows[0].share_of_voice < SMALL) return null;
  const rest = Math.max(0, 1 - rows.reduce((sum, row) => sum + row.share_of_voice, 0));
  const others = page.total - rows.length;
  return panel({
    title: "Share of voice", extra: "voice",
    note: "Width: posts among those of all topics. Colour: mean score.",
  },
  h("div", { class: "voice-bar", "aria-hidden": "true" },
    rows.map((row) => h("span", {
      key: row.topic, class: "voice-part",
      style: { "flex-grow": row.share_of_voice, "--tint": colour(row.window.mean_score) },
    })),
    rest > SMALL && h("span", { key: "", class: "voice-part rest", style: { "flex-grow": rest } })),
  h("ol", { class: "voice-list" },
    rows.map((row) => h("li", { key: row.topic },
      h("span", {
        class: "swatch", "aria-hidden": "true", style: { "--tint": colour(row.window.mean_score) },
      }),
      h("a", { href: app.href(["topic", row.topic]) }, h("bdi", null, row.topic)),
      h("span", { class: "strong" }, (row.share_of_voice < 0.01 ? fineShare : share)(row.share_of_voice)),
      h("span", { class: "note" }, score(row.window.mean_score)))),
    others > 0 && rest > SMALL && h("li", { key: "" },
      h("span", { class: "swatch rest", "aria-hidden": "true" }),
      h("span", null, `${count(others)} more`), h("span", { class: "strong" }, fineShare(rest)))));
}

/** A mix of the neutral colour and the one of the mood. */
function colour(mean) {
  const much = tint(mean);
  const pure = much < 0 ? "var(--negative)" : "var(--positive)";
  return `color-mix(in oklab, ${pure} ${Math.abs(much)}%, var(--neutral))`;
}
