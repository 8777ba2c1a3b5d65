/* A post in a list. Whatever a stranger wrote is text in an element of its own direction. */

import { classes, h } from "../dom.js";
import { plural, score, when } from "../format.js";
import { icon } from "./icons.js";

const DIFFER = 0.3;
/** Scores of the networks this far apart, or other labels, are worth a word. */
const LABELS = ["negative", "neutral", "positive"];

export const scoreBy = (probabilities) => probabilities[2] - probabilities[0];
export const labelBy = (probabilities) => LABELS[probabilities.indexOf(Math.max(...probabilities))];

/** Whether the two networks see a post differently. */
export function differ({ dmlanet, rnnca }) {
  if (!dmlanet || !rnnca) return false;
  const apart = Math.abs(scoreBy(dmlanet) - scoreBy(rnnca));
  return apart >= DIFFER || labelBy(dmlanet) !== labelBy(rnnca);
}

/** The page of a post. */
export const postHref = (app, post, namespace) => app.href(["post"], {
  namespace: namespace ?? app.route.query.namespace ?? app.namespace,
  topic: post.topic, id: post.id, created_at_ms: post.created_at_ms,
});

/** `same`: how many more posts of this list say the same (reposts). */
export function postItem(app, { post, same = 0 }, namespace) {
  return h("li", { class: "post", key: post.id },
    picture(post),
    h("div", { class: "post-body" },
      h("p", { class: "post-head" },
        h("span", { class: classes("pill", post.label) }, score(post.score), ` ${post.label}`),
        h("bdi", { class: "author" }, post.author_name || post.author || "unknown author"),
        when(post.created_at_ms, { withSeconds: true })),
      h("p", { class: "post-text" }, h("a", { href: postHref(app, post, namespace) },
        h("bdi", { class: "stranger" }, post.text || "(no words)"))),
      h("p", { class: "post-foot" },
        same > 0 && h("span", null, `and ${plural(same, "post")} with the same words`),
        differ(post) && networks(post),
        ...flags(post))));
}

/** Both networks' scores, where they differ. */
function networks({ dmlanet, rnnca }) {
  return h("span", { class: "differs", title: "The networks see this post differently" },
    h("span", null, "DMLANet ", h("b", null, score(scoreBy(dmlanet)))),
    h("span", null, "RNN-CA ", h("b", null, score(scoreBy(rnnca)))));
}

/** What to know before believing the score. */
export function flags(post) {
  return [
    post.kind !== "post" && post.kind && h("span", { key: "kind" }, post.kind),
    post.unseen_language && h("span", { key: "language", class: "worry" }, icon("language"),
      `unseen language (${post.lang || "unknown"})`),
    !post.has_image && h("span", { key: "image", class: "worry" }, icon("picture"),
      `words alone${post.masked_reason ? `: ${post.masked_reason.replaceAll("_", " ")}` : ""}`),
    !post.has_text && h("span", { key: "text", class: "worry" }, "picture alone"),
  ].filter(Boolean);
}

function picture(post) {
  const [address] = post.pictures;
  const more = post.pictures.length - 1;
  return h("div", { class: "thumb", key: "thumb" },
    address ? image(address, "") : icon("picture"),
    more > 0 && h("span", { class: "thumb-more", "aria-hidden": "true" }, `+${more}`));
}

/** A picture that gives way to a symbol when it can't be shown. */
export function image(address, alt, more = {}) {
  return h("img", {
    key: address, src: address, alt, loading: "lazy", decoding: "async", draggable: "false", ...more,
    onerror: (event) => {
      event.target.closest(".thumb, .stage")?.classList.add("broken");
      more.onerror?.(event);
    },
  });
}

/** Posts of the same words stand once: the first, and how many more. */
export function grouped(posts) {
  const groups = new Map();
  for (const post of posts) {
    const key = post.original_id || post.text || post.id;
    const held = groups.get(key) ?? [...groups.values()].find((g) => g.post.text && g.post.text === post.text);
    if (held) held.same += 1;
    else groups.set(key, { post, same: 0 });
  }
  return [...groups.values()];
}
