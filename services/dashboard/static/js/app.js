/* The page: what is open, which namespace it shows, and who is told when something moves. */

import { Away, Refused, Resource, address } from "./api.js";
import { patch } from "./dom.js";
import { Live } from "./live.js";
import { failure, firstRun, loading } from "./parts/notices.js";
import { shell } from "./parts/shell.js";
import { listen, shortcuts } from "./parts/shortcuts.js";
import * as prefs from "./prefs.js";
import { href, route, staysHere } from "./routes.js";
import { WINDOWS } from "./windows.js";

const REFRESH_MS = 15_000;
const FIRST_MS = 2_000;
const root = document.getElementById("view");
const top_ = document.getElementById("top");
const announcer = document.getElementById("announcer");

/** What every view is given. */
class App {
  constructor() {
    this.namespaces = new Resource(() => this.#arrived());
    this.gaps = new Resource(() => this.redraw());
    this.live = new Live((type, data) => this.#heard(type, data), () => this.#connection());
    this.view = null;
    this.route = null;
    this.error = null;
    this.helping = false;
    this.#drawn = false;
  }

  #drawn;
  #chosen = null;
  #lost = false;

  /** The namespace on show: of the address, or the one that the server would choose. */
  get namespace() {
    return this.route?.query.namespace ?? this.#settled()?.name ?? null;
  }

  /** The fallback, once it has posts, stays for as long as the page is open. */
  #settled() {
    const all = this.namespaces.data ?? [];
    const held = all.find((n) => n.name === this.#chosen && n.newest_ms !== null) ?? this.fallback;
    this.#chosen = held?.name ?? null;
    return held;
  }

  /** The rolling window on show. */
  get window() {
    const named = this.route?.query.window;
    return WINDOWS.includes(named) ? named : prefs.get("window");
  }

  get namespaceItem() {
    return this.namespaces.data?.find((n) => n.name === this.namespace) ?? null;
  }

  /** Live if it has posts, else the newest replay that has. */
  get fallback() {
    const all = this.namespaces.data ?? [];
    const live = all.find((n) => n.kind === "live" && n.newest_ms !== null);
    const replays = all.filter((n) => n.kind === "replay" && n.newest_ms !== null);
    return live ?? replays.sort((a, b) => b.created_ms - a.created_ms)[0] ?? all[0] ?? null;
  }

  /** An address in this namespace. */
  href(parts, query = {}) {
    const named = this.route?.query.namespace;
    return href(parts, { namespace: named, ...query });
  }

  /** Go there; `replace` where going back should not lead here again. */
  go(url, { replace = false, keep = false } = {}) {
    history[replace ? "replaceState" : "pushState"](null, "", url);
    if (keep) this.#changedQuery();
    else this.open();
  }

  /** Say it to a screen reader. */
  announce(text) {
    announcer.textContent = text;
  }

  /** Show or hide the keyboard shortcuts. */
  help(shown) {
    this.helping = shown;
    this.redraw();
  }

  /** Draw on the next frame, once for however many changes. */
  redraw() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.draw();
    });
  }

  draw() {
    patch(top_, shell(this));
    const ready = this.view !== null && this.namespaces.data !== null;
    const title = ready ? this.view.title() : "Undertone";
    document.title = title === "Undertone" ? title : `${title} · Undertone`;
    root.setAttribute("aria-busy", String(!ready));
    patch(root, this.#content(ready), this.helping && shortcuts(this));
  }

  #content(ready) {
    if (this.error) return failure(this.error);
    if (this.namespaces.error && !this.namespaces.data) {
      return failure(this.namespaces.error, () => this.refresh());
    }
    if (!ready) return loading();
    return this.#lacksNamespace() ? firstRun() : this.view.render();
  }

  /** Show what the address says. */
  open() {
    this.route = route(new URL(location.href));
    this.view?.close?.();
    this.view = this.route.view?.open(this, this.route) ?? null;
    this.error = this.view ? null : new Refused(404, "", `there is no page ${location.pathname}`);
    this.#start();
    this.redraw();
  }

  /** The same page, another query: the view takes it in its stride. */
  #changedQuery() {
    this.route = route(new URL(location.href));
    this.view?.moved?.(this.route);
    this.#start();
    this.redraw();
  }

  /** Before anything was ever counted, only the pipeline itself can be looked at. */
  #lacksNamespace() {
    return this.namespace === null && !this.view.ofPipeline;
  }

  #start() {
    if (this.namespaces.data === null || !this.view) return;
    if (this.namespace === null) return this.#lacksNamespace() || this.view.start();
    this.live.follow({ namespace: this.namespace, window: this.window, topic: this.view?.topic });
    this.gaps.ask(address(["gaps"], { namespace: this.namespace }));
    return this.view.start();
  }

  /** The question that is asked all the time also tells whether anybody is there. */
  #arrived() {
    if (this.namespaces.error instanceof Away) this.live.doubt();
    else if (!this.live.url) this.#start();
    this.redraw();
  }

  /** Ask for everything anew. */
  refresh() {
    this.namespaces.ask(address(["namespaces"]));
    if (this.view?.ofPipeline) this.view.refresh();
    if (this.namespace === null || this.namespaces.data === null) return;
    this.gaps.ask(address(["gaps"], { namespace: this.namespace }));
    this.view?.refresh?.();
  }

  #heard(type, data) {
    if (data.namespace !== this.namespace) return;
    if (type === "resync") this.refresh();
    else if (type === "trouble") this.live.trouble(data.reason);
    else this.view?.heard?.(type, data);
    if (type === "alert") this.#tell(data.alert);
    this.redraw();
  }

  #tell(alert) {
    this.announce(`Alert ${alert.state}: ${alert.topic}, ${alert.rule.replaceAll("_", " ")}`);
  }

  #connection() {
    const { state } = this.live;
    if (state === "lost") this.announce("Connection lost, reconnecting");
    else if (state === "live" && this.#lost) this.announce("Connected again");
    this.#lost = state === "lost" || (this.#lost && state !== "live");
    this.redraw();
  }
}

const app = new App();
prefs.applyTheme();
listen(app);

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || link.classList.contains("skip") || !staysHere(event, link)) return;
  event.preventDefault();
  app.go(link.href);
  scrollTo(0, 0);
  document.getElementById("main").focus({ preventScroll: true });
});
addEventListener("popstate", () => app.open());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.redraw());
setInterval(() => !document.hidden && app.refresh(), REFRESH_MS);
setInterval(() => app.namespaces.data?.length === 0 && app.refresh(), FIRST_MS);
app.open();
app.refresh();
