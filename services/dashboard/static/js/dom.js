/*
 * The page's one way into the document: descriptions of elements, and a patch that makes the
 * document match them. Strings only ever become text nodes, so nothing that a stranger wrote is
 * read as markup. What has not changed is left alone: focus, selection and open menus survive a
 * live update.
 */

const SVG = "http://www.w3.org/2000/svg";
const MADE = Symbol("what this node was made from");
const PROPERTIES = new Set(["value", "checked", "disabled", "open", "selected", "hidden"]);
const hooked = new Set();

/**
 * An element's description. `props`: attributes; `on…` handlers; `style` as an object (set through
 * the CSSOM, which a strict content policy allows); `key` to find it again among its siblings;
 * `ref(el)` called once it stands in the page; `hook: {make(el), update(el), drop(el)}` for what
 * draws itself, whose children are left alone.
 */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: flat(children), key: props?.key };
}

/** The same, for a list of classes: names whose value is falsy are left out. */
export function classes(...names) {
  return names.filter(Boolean).join(" ");
}

function flat(children) {
  return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
}

/** Make `parent` hold exactly what is described. */
export function patch(parent, ...children) {
  const focused = document.activeElement;
  patchChildren(parent, flat(children), parent.namespaceURI === SVG);
  if (focused?.isConnected && focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
  for (const element of hooked) {
    if (element.isConnected) continue;
    hooked.delete(element);
    element[MADE].props.hook.drop?.(element);
  }
}

function patchChildren(parent, wanted, svg) {
  const spare = new Map();
  for (const node of parent.childNodes) push(spare, identity(node), node);
  let at = parent.firstChild;
  for (const child of wanted) {
    const found = spare.get(wantedIdentity(child))?.shift();
    const node = found ?? create(child, svg);
    if (found) update(found, child, svg);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
    if (!found) begin(node, child);
  }
  for (const nodes of spare.values()) for (const node of nodes) node.remove();
}

/** What only makes sense once the node stands in its place. */
function begin(node, child) {
  child.props?.hook?.make?.(node);
  if (child.props?.ref) queueMicrotask(() => node.isConnected && child.props.ref(node));
}

function push(map, key, value) {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function identity(node) {
  if (node.nodeType === Node.TEXT_NODE) return "#text";
  const made = node[MADE];
  return made ? `${made.tag} ${made.key ?? ""}` : "#foreign";
}

function wantedIdentity(child) {
  return typeof child === "object" ? `${child.tag} ${child.key ?? ""}` : "#text";
}

function create(child, svg) {
  if (typeof child !== "object") return document.createTextNode(String(child));
  const inside = svg || child.tag === "svg";
  const element = inside
    ? document.createElementNS(SVG, child.tag)
    : document.createElement(child.tag);
  element[MADE] = { tag: child.tag, key: child.key, props: {} };
  if (child.props.hook) hooked.add(element);
  apply(element, child, inside);
  return element;
}

function update(node, child, svg) {
  if (typeof child !== "object") {
    const text = String(child);
    if (node.nodeValue !== text) node.nodeValue = text;
    return;
  }
  apply(node, child, svg || child.tag === "svg");
  child.props.hook?.update?.(node);
}

function apply(element, child, svg) {
  const before = element[MADE].props;
  const now = child.props;
  // Children first: a select takes a value only once it has the option.
  if (!now.hook) patchChildren(element, child.children, svg && child.tag !== "foreignObject");
  for (const name of Object.keys(before)) if (!(name in now)) set(element, name, null, before[name]);
  for (const name of Object.keys(now)) set(element, name, now[name], before[name]);
  element[MADE].props = now;
}

function set(element, name, value, before) {
  if (name === "key" || name === "hook" || name === "ref") return;
  if (name === "style") return restyle(element, value ?? {}, before ?? {});
  if (name.startsWith("on")) element[name.toLowerCase()] = value ?? null;
  else if (PROPERTIES.has(name) && name in element) {
    if (element[name] !== value) element[name] = value ?? (name === "value" ? "" : false);
  } else if (value === before) return;
  else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

function restyle(element, now, before) {
  for (const name of Object.keys(before)) if (!(name in now)) element.style.removeProperty(name);
  for (const [name, value] of Object.entries(now)) {
    if (value !== before[name]) element.style.setProperty(name, String(value));
  }
}
