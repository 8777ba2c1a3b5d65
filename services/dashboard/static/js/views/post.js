/* One post: its picture and words as the networks saw them, and what each made of it. */

import { Resource, address } from "../api.js";
import { classes, h } from "../dom.js";
import { fineShare, score, share, when } from "../format.js";
import { panel, segmented } from "../parts/controls.js";
import { heat, whereIn } from "../parts/heat.js";
import { icon } from "../parts/icons.js";
import { empty, failure, loading } from "../parts/notices.js";
import { differ, flags, image, labelBy, scoreBy } from "../parts/post.js";
import * as prefs from "../prefs.js";

const NETWORKS = { dmlanet: "DMLANet", rnnca: "RNN-CA" };
const MOODS = ["negative", "neutral", "positive"];
const NAMED = 5;

export const open = (app, route) => new Post(app, route);

class Post {
  constructor(app, route) {
    this.app = app;
    this.query = route.query;
    this.post = new Resource(() => app.redraw());
    this.network = prefs.get("network") in NETWORKS ? prefs.get("network") : "dmlanet";
    this.heated = true;
    this.number = 0;
    this.sides = null;
    this.missing = new Set();
  }

  title = () => "Post";

  start() {
    const { topic, id, created_at_ms: created } = this.query;
    if (!topic || !id) return;
    this.post.ask(address(["topics", topic, "posts", id], {
      namespace: this.app.namespace, created_at_ms: created,
    }));
  }

  /** Deletions arrive late: an open post is asked for again and again. */
  refresh() {
    this.start();
  }

  close() {
    this.post.close();
  }

  render() {
    const { data, error } = this.post;
    if (error && [404, 410].includes(error.status)) return [this.#head(null), this.#gone(error)];
    if (data === null) return [this.#head(null), error ? failure(error, () => this.start()) : loading()];
    return [this.#head(data), h("div", { class: "single", key: "single" },
      h("div", { class: "single-main" }, this.#picture(data), this.#words(data)),
      h("div", { class: "single-side" }, this.#verdict(data), this.#weights(data), this.#facts(data)))];
  }

  #head(post) {
    const topic = this.query.topic ?? "";
    return h("header", { class: "view-head", key: "head" }, h("div", null,
      h("a", { class: "crumb", href: this.app.href(["topic", topic]) }, icon("back"), h("bdi", null, topic)),
      h("h1", null, "Post", post && h("span", { class: classes("pill", post.label) }, post.label)),
      post && h("p", { class: "note" }, "by ", h("bdi", { class: "stranger" }, post.author_name || post.author || "an unknown author"),
        ", ", when(post.created_at_ms, { withSeconds: true }))),
    post && this.#switch(post));
  }

  #gone(error) {
    return empty("This post is not kept",
      h("p", null, error.message),
      h("p", null, "When a post is deleted on its platform, its words and pictures are removed here, too. "
        + "It still counts in the figures, without its words."));
  }

  /** Whose eyes: both the picture and the words follow. */
  #switch(post) {
    if (!post.regions && !post.words.length) return null;
    return h("div", { class: "tools" },
      segmented("Attention of", Object.entries(NETWORKS), this.network, (network) => {
        this.network = network;
        prefs.put("network", network);
        this.app.redraw();
      }),
      segmented("Attention", [[true, "Shown"], [false, "Hidden"]], this.heated, (heated) => {
        this.heated = heated;
        this.app.redraw();
      }));
  }

  #picture(post) {
    const address_ = post.pictures[this.number];
    const regions = post.regions?.[this.network];
    const seen = this.number === 0 && regions && this.heated;
    const note = !post.has_image ? "This post was scored by its words alone."
      : seen ? `${NETWORKS[this.network]} looked ${whereIn(regions)}. A hint, not an explanation.` : null;
    return panel({ title: post.pictures.length > 1 ? "Pictures" : "Picture", note, key: "picture" },
      address_ ? this.#stage(address_, seen ? regions : null) : this.#noPicture(post),
      post.pictures.length > 1 && h("div", { class: "strip" }, post.pictures.map((each, i) =>
        h("button", {
          key: each, type: "button", class: "thumb", "aria-label": `Picture ${i + 1}`,
          "aria-pressed": String(i === this.number), onclick: () => {
            this.number = i;
            this.sides = null;
            this.app.redraw();
          },
        }, image(each, "")))),
      post.pictures.length > 1 && this.number > 0 && h("p", { class: "note" },
        "Attention is kept of the first picture."));
  }

  #stage(address_, regions) {
    if (this.missing.has(address_)) {
      return h("div", { class: "no-picture", key: "missing" }, icon("picture", "large"),
        h("p", null, "This picture is broken or no longer kept."));
    }
    return h("div", { class: "stage", key: address_ },
      image(address_, "Picture of the post", {
        loading: "eager",
        onload: ({ target }) => {
          this.sides = { width: target.naturalWidth, height: target.naturalHeight };
          this.app.redraw();
        },
        onerror: () => {
          this.missing.add(address_);
          this.app.redraw();
        },
      }),
      regions && this.sides && heat(this.network, regions, this.sides));
  }

  #noPicture(post) {
    const why = !post.has_image ? post.masked_reason.replaceAll("_", " ") || "the post has none" : "it is no longer kept";
    return h("div", { class: "no-picture", key: "none" }, icon("picture", "large"), h("p", null, `No picture: ${why}.`));
  }

  #words(post) {
    const heaviest = post.words.filter(({ text }) => /[\p{L}\p{N}]/u.test(text)).sort((a, b) => b[this.network] - a[this.network]).slice(0, NAMED)
      .filter((word) => word[this.network] > 0);
    return panel({
      title: "Words", key: "words",
      note: this.heated && heaviest.length > 0 && [
        `${NETWORKS[this.network]} attended most to `, heaviest.map((word, i) => [i ? ", " : "", h("bdi", { key: i }, word.text)])],
    }, h("p", { class: "post-words" }, h("bdi", { class: "stranger" },
      post.text ? shaded(post, this.heated ? this.network : null) : "(no words)")));
  }

  #verdict(post) {
    return panel({
      title: "What the networks say", key: "verdict",
      note: differ(post) ? "They see this post differently." : "They agree.",
    }, h("div", { class: "verdicts" },
      Object.entries(NETWORKS).map(([key, name]) => post[key] && probabilities(name, post[key])),
      post.dmlanet && post.rnnca && probabilities("Mean of both: the score",
        post.dmlanet.map((p, i) => (p + post.rnnca[i]) / 2))));
  }

  #weights(post) {
    if (post.picture_weight === null) return null;
    const picture = post.picture_weight;
    return panel({ title: "Picture against words", key: "weights", note: "How much each weighed in the score, mean of both networks" },
      h("div", { class: "scales", "aria-hidden": "true" },
        h("span", { class: "scale picture", style: { "flex-grow": picture } }),
        h("span", { class: "scale words", style: { "flex-grow": 1 - picture } })),
      h("div", { class: "scale-labels" },
        h("span", null, icon("picture"), "Picture ", h("b", null, share(picture))),
        h("span", null, "Words ", h("b", null, share(1 - picture)))));
  }

  #facts(post) {
    const original = web(post.url);
    const lacks = flags({ ...post, kind: "" });
    const row = (name, value) => h("div", { key: name }, h("dt", null, name), h("dd", null, value));
    return panel({ title: "Where it is from", key: "facts" },
      h("dl", { class: "pairs" },
        row("Platform", h("bdi", null, post.id.split(":")[0])),
        row("Author", h("bdi", { class: "stranger" }, post.author_name || post.author || "unknown")),
        row("Language", [h("bdi", null, post.lang || "unknown"), post.unseen_language && " (the networks were not trained on it)"]),
        row("Kind", post.kind), row("Topic", h("bdi", null, post.topic))),
      lacks.length > 0 && h("p", { class: "post-foot" }, lacks),
      original && h("a", {
        class: "button", href: original, target: "_blank", rel: "noopener noreferrer", referrerpolicy: "no-referrer",
      }, "Open the original", icon("external"), h("span", { class: "visually-hidden" }, "(new tab)")));
  }
}

/** The text in pieces, each word as dark as the network's attention to it. */
function shaded(post, network) {
  if (network === null || !post.words.length) return post.text;
  const letters = Array.from(post.text);
  const pieces = [];
  let at = 0;
  for (const word of [...post.words].sort((a, b) => a.start - b.start)) {
    if (word.start < at) continue;
    if (word.start > at) pieces.push(letters.slice(at, word.start).join(""));
    pieces.push(h("span", {
      key: `${word.start}`, class: "word", style: { "--much": `${Math.round(word[network] * 100)}%` },
      title: `attention ${share(word[network])} of the greatest`,
    }, letters.slice(word.start, word.end).join("")));
    at = word.end;
  }
  return [...pieces, letters.slice(at).join("")];
}

function probabilities(name, values) {
  return h("div", { class: "probabilities", key: name },
    h("p", { class: "probabilities-head" }, h("span", null, name),
      h("span", { class: classes("pill", labelBy(values)) }, `${score(scoreBy(values))} ${labelBy(values)}`)),
    h("ul", null, MOODS.map((mood, i) => h("li", { key: mood },
      h("span", null, mood),
      h("span", { class: "meter", "aria-hidden": "true" },
        h("span", { class: `meter-fill ${mood}`, style: { width: `${values[i] * 100}%` } })),
      h("data", { value: values[i] }, fineShare(values[i]))))));
}

/** An address that may be linked to: the web's, nothing else. */
function web(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
