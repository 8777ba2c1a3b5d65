/*
 * Live events of one namespace. The browser reconnects an event stream by itself, but gives up on
 * an HTTP error and never notices a connection that has gone silent; here both are mended.
 */

import { address } from "./api.js";

const SILENT_MS = 20_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
const EVENTS = ["figures", "alert", "operations", "resync"];

export class Live {
  #source = null;
  #retry = null;
  #tries = 0;
  #watchdog = null;

  /** `heard(type, data)` for each event; `changed()` when `state` did. */
  constructor(heard, changed) {
    this.heard = heard;
    this.changed = changed;
    this.state = "connecting";
    this.lastMs = null;
    addEventListener("online", () => this.#reopen());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.state !== "live") this.#reopen();
    });
  }

  /** Follow this namespace and window from now on. */
  follow(namespace, window) {
    const url = address(["events"], { namespace, window });
    if (url === this.url) return;
    this.url = url;
    this.#tries = 0;
    this.#open();
  }

  #open() {
    clearTimeout(this.#retry);
    this.#source?.close();
    const source = (this.#source = new EventSource(this.url));
    source.onopen = () => this.#alive();
    source.onerror = () => this.#lost(source);
    for (const type of [...EVENTS, "message", "ping"]) {
      source.addEventListener(type, (event) => {
        this.#alive();
        if (EVENTS.includes(type)) this.heard(type, JSON.parse(event.data));
      });
    }
  }

  #reopen() {
    if (this.url && this.state !== "live") this.#open();
  }

  #alive() {
    this.lastMs = Date.now();
    this.#tries = 0;
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lost(this.#source, true), SILENT_MS);
    this.#become("live");
  }

  #lost(source, silent = false) {
    if (source !== this.#source) return;
    this.#become("lost");
    if (!silent && source.readyState !== EventSource.CLOSED) return; // it tries again by itself
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
