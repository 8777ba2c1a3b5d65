/* What stands where figures would: not there yet, nothing there, or something went wrong. */

import { Away } from "../api.js";
import { h } from "../dom.js";
import { icon } from "./icons.js";

/** Grey shapes of about the right size. */
export function loading() {
  const blocks = Array.from({ length: 6 }, () => h("div", { class: "skeleton card-shape" }));
  return h("div", { class: "loading", key: "loading" },
    h("p", { class: "visually-hidden" }, "Loading"), h("div", { class: "cards" }, blocks));
}

/** A short line of the same for a part of a page. */
export const waiting = () => h("div", { class: "skeleton line-shape" });

/** Nothing there, why, and how to get something. */
export function empty(title, ...rest) {
  return h("div", { class: "empty", key: "empty" }, h("h2", null, title), rest);
}

/** Nothing has been counted, ever or in this namespace: how to get something. */
export function firstRun(...more) {
  return empty("No posts yet",
    h("p", null, "Topics appear here with their first post. In another terminal, replay the sample archive:"),
    command("make demo"),
    h("p", null, "or follow Bluesky live, without an account:"),
    command("undertone run --source bluesky --topics topics.example.yaml"),
    more);
}

/** A sentence in which `code` stands between backticks. */
const prose = (text) =>
  text.split("`").map((part, i) => (i % 2 ? h("code", { key: i }, part) : part));

/** A command to type, as text that can be selected. */
export const command = (text) => h("pre", { class: "command" }, h("code", null, text));

/** What went wrong and what to do about it. */
export function failure(error, again) {
  if (error.status === 401) return locked();
  const { title, advice } = explain(error);
  if (error.status === 404) return empty(title, h("p", null, prose(advice)), h("a", { class: "button", href: "/" }, "Overview"));
  return h("div", { class: "empty failure", role: "alert", key: "failure" },
    icon("alert", "large"),
    h("h2", null, title),
    h("p", null, prose(advice)),
    again && h("button", { class: "button", type: "button", onclick: again }, "Try again"));
}

function explain(error) {
  if (error instanceof Away) {
    return {
      title: "The server does not answer",
      advice: "Is `undertone dashboard` (or the replay that served this page) still running? "
        + "This page tries again by itself.",
    };
  }
  if (error.status === 404 || error.status === 410) {
    return { title: error.status === 410 ? "Gone" : "Not found", advice: sentence(error.message) };
  }
  if (error.status === 503) {
    return {
      title: "The store does not answer",
      advice: `${sentence(error.message)} Figures come back as soon as it does; `
        + "`undertone check` says what is wrong.",
    };
  }
  return { title: "That did not work", advice: sentence(error.message) };
}

/** As a sentence: a capital, a full stop. */
export function sentence(text) {
  const trimmed = text.trim();
  const end = /[.!?…]$/.test(trimmed) ? "" : ".";
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + end;
}

/** The session is over, or the token was changed. */
function locked() {
  const here = encodeURIComponent(location.pathname + location.search);
  return h("div", { class: "empty", key: "locked" },
    h("h2", null, "You are logged out"),
    h("p", null, prose("This dashboard is kept behind a token (`dashboard_token`).")),
    h("a", { class: "button primary", href: `/login?next=${here}`, target: "_self" }, "Log in"));
}

/** A quiet line above figures that are still shown although the newest could not be had. */
export function stale(error) {
  if (!error) return null;
  return h("p", { class: "notice warning", role: "status", key: "stale" }, icon("alert"),
    h("span", null, explain(error).title, ". What you see is what was last received."));
}
