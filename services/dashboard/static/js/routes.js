/* Which address shows what. Views are fetched when they are first opened. */

const VIEWS = {
  "": () => import("./views/overview.js"),
  topic: () => import("./views/topic.js"),
  post: () => import("./views/post.js"),
  alerts: () => import("./views/alerts.js"),
  operations: () => import("./views/operations.js"),
};

/** `{name, load, parts, query}` of an address; `load` is undefined where there is no such page. */
export function route(url) {
  const [name, ...parts] = url.pathname.split("/").filter(Boolean).map(decode);
  const query = Object.fromEntries(url.searchParams);
  return { name: name ?? "", load: VIEWS[name ?? ""], parts, query };
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
