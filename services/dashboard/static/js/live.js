/*
 * Live events of one namespace. The browser reconnects an event stream by itself, but gives up on
 * an HTTP error and does not notice a line that has gone dead; here both are mended.
 */

import { address } from "./api.js";

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 8_000;
const UNSEEN_MS = 30_000;
const EVENTS = ["figures", "alert", "resync", "trouble"];

export class Live {
  #source = null;
  #retry = null;
  #tries = 0;
  #unseen = null;

  /** `heard(type, data)` for each event; `changed()` when `state` did. */
  constructor(heard, changed) {
    this.heard = heard;
    this.changed = changed;
    /**
     * "connecting", "live", "lost", "paused" while nobody looks, or "trouble": the
     * server is there, but its store is not.
     */
    this.state = "connecting";
    this.reason = "";
    this.lastMs = null;
    addEventListener("online", () => this.doubt());
    document.addEventListener("visibilitychange", () => this.#looked());
  }

  /** A page that nobody sees gives its line back: browsers open only six to a server. */
  #looked() {
    clearTimeout(this.#unseen);
    if (document.hidden) this.#unseen = setTimeout(() => this.#pause(), UNSEEN_MS);
    else if (this.url && ["lost", "paused"].includes(this.state)) this.#open();
  }

  #pause() {
    if (!this.url) return;
    clearTimeout(this.#retry);
    this.#source.close();
    this.#become("paused");
  }

  /** Follow these figures from now on; `topic`: of this one alone. */
  follow(what) {
    const url = address(["events"], what);
    if (url === this.url) return;
    this.url = url;
    this.#tries = 0;
    this.#open();
  }

  /** Something else found the server away: don't believe the open line. */
  doubt() {
    if (!this.url || ["lost", "paused"].includes(this.state)) return;
    this.#lost(this.#source, true);
  }

  /** Connected, but the figures stand still. */
  trouble(reason) {
    this.reason = reason;
    this.#become("trouble");
  }

  #open() {
    clearTimeout(this.#retry);
    this.#source?.close();
    const source = (this.#source = new EventSource(this.url));
    source.onopen = () => this.#alive();
    source.onerror = () => this.#lost(source);
    for (const type of EVENTS) {
      source.addEventListener(type, (event) => {
        this.#alive();
        this.heard(type, JSON.parse(event.data));
      });
    }
  }

  #alive() {
    this.lastMs = Date.now();
    this.#tries = 0;
    this.#become("live");
  }

  #lost(source, reopen = false) {
    if (source !== this.#source) return;
    this.#become("lost");
    if (!reopen && source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    source.close();
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#tries++);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), wait * (0.75 + Math.random() / 2));
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.changed();
  }
}
