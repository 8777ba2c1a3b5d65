/* Both networks' scores of the same posts, one against the other: on the line they agree. */

import { h } from "../dom.js";
import { plural, score } from "../format.js";
import { panel } from "./controls.js";
import { differ, grouped, postHref, scoreBy } from "./post.js";

const SIDE = 100;
const RADIUS = 1.7;
const NAMED = 3;

/** `page`: posts that weigh most; null while they are on their way. */
export function agreement(app, page) {
  const posts = (page?.posts ?? []).filter((post) => post.dmlanet && post.rnnca);
  if (!posts.length) return null;
  const apart = posts.filter(differ).sort((a, b) => gap(b) - gap(a));
  const named = grouped(apart).slice(0, NAMED).map(({ post }) => post);
  const words = apart.length
    ? `They differ on ${apart.length} of the ${plural(posts.length, "post")} that weigh most`
    : `They agree on all ${plural(posts.length, "post")} that weigh most`;
  return panel({ title: "Both networks", key: "agreement", note: words },
    h("div", { class: "agreement" }, scatter(posts, words),
      h("div", null,
        h("p", { class: "note" }, "Across: DMLANet. Up: RNN-CA. Each dot is a post, from −1 to +1; on the line they agree."),
        named.length > 0 && h("ul", { class: "apart" }, named.map((post) => row(app, post))))));
}

const gap = ({ dmlanet, rnnca }) => Math.abs(scoreBy(dmlanet) - scoreBy(rnnca));

function row(app, post) {
  return h("li", { key: post.id },
    h("a", { href: postHref(app, post) }, h("bdi", { class: "clip" }, post.text || "(no words)")),
    h("span", { class: "note" }, `${score(scoreBy(post.dmlanet))} / ${score(scoreBy(post.rnnca))}`));
}

function scatter(posts, words) {
  const across = (x) => (((x + 1) / 2) * SIDE).toFixed(1);
  const up = (y) => (((1 - y) / 2) * SIDE).toFixed(1);
  return h("svg", { class: "scatter", viewBox: `-2 -2 ${SIDE + 4} ${SIDE + 4}`, role: "img", "aria-label": words },
    h("rect", { class: "scatter-ground", width: SIDE, height: SIDE }),
    h("path", { class: "scatter-lines", d: `M50 0V${SIDE}M0 50H${SIDE}` }),
    h("path", { class: "scatter-equal", d: `M0 ${SIDE}L${SIDE} 0` }),
    posts.map((post) => h("circle", {
      key: post.id, class: `scatter-dot ${post.label}`, r: RADIUS,
      cx: across(scoreBy(post.dmlanet)), cy: up(scoreBy(post.rnnca)),
    })));
}
