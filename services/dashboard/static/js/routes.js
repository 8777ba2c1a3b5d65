/* Which address shows what. */

import * as alerts from "./views/alerts.js";
import * as operations from "./views/operations.js";
import * as overview from "./views/overview.js";
import * as post from "./views/post.js";
import * as topic from "./views/topic.js";

const VIEWS = { "": overview, topic, post, alerts, operations };

/** `{name, view, parts, query}` of an address; `view` is undefined where there is no such page. */
export function route(url) {
  const [name, ...parts] = url.pathname.split("/").filter(Boolean).map(decode);
  const query = Object.fromEntries(url.searchParams);
  return { name: name ?? "", view: VIEWS[name ?? ""], parts, query };
}

/** The address of a page. Empty values of `query` are left out. */
export function href(parts, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, value);
  }
  const tail = search.toString();
  return `/${parts.map(encodeURIComponent).join("/")}${tail ? `?${tail}` : ""}`;
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Whether a click on a link of ours should stay on this page. */
export function staysHere(event, link) {
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  const ours = link.origin === location.origin && !link.target && !link.hasAttribute("download");
  const page = !link.pathname.startsWith("/api/") && !link.pathname.startsWith("/static/");
  return plain && !event.altKey && ours && page && !event.defaultPrevented;
}
