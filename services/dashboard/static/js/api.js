/* Questions to /api/v1. The browser keeps answers by their ETag; we keep nothing. */

const PATIENCE_MS = 20_000;

/** The server answered, but not with what was asked for. `detail` is a sentence for people. */
export class Refused extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
  }
}

/** The server can't be reached. */
export class Away extends Error {
  constructor() {
    super("the server does not answer");
  }
}

/** `/api/v1/topics/<name>/series` and its query; undefined and empty values are left out. */
export function address(parts, query = {}) {
  const path = parts.map(encodeURIComponent).join("/");
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, value);
  }
  const tail = search.toString();
  return `/api/v1/${path}${tail ? `?${tail}` : ""}`;
}

/** The JSON at `url`. Throws `Refused`, `Away`, or an AbortError. */
export async function get(url, signal) {
  let answer;
  try {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    answer = await fetch(url, {
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      headers: { Accept: "application/json" },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Away();
  }
  if (answer.ok || answer.status === 503) {
    const body = await readJson(answer);
    if (answer.ok || body.healthy !== undefined) return body;
    throw new Refused(503, body.title ?? "Not ready", body.detail);
  }
  const problem = await readJson(answer).catch(() => ({}));
  throw new Refused(answer.status, problem.title ?? answer.statusText, problem.detail);
}

async function readJson(answer) {
  try {
    return await answer.json();
  } catch {
    throw new Refused(answer.status, "Not JSON", "the answer is not what this page understands");
  }
}

/** One answer that is asked for again and again. While it is, the last one stays. */
export class Resource {
  #abort = null;
  #again = false;

  constructor(changed) {
    this.changed = changed;
    this.data = null;
    this.error = null;
    this.url = null;
  }

  /**
   * Ask. A question to another address overtakes one that is under way; the same question is
   * asked once more when that one is through, for its answer may be older than what we heard of.
   */
  async ask(url) {
    if (url === this.url && this.#abort) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.url = url;
    try {
      const data = await get(url, abort.signal);
      if (this.#abort !== abort) return;
      this.data = data;
      this.error = null;
    } catch (error) {
      if (error.name === "AbortError" || this.#abort !== abort) return;
      this.error = error;
    }
    this.#abort = null;
    this.changed();
    if (this.#again) this.ask(url);
  }

  /** Whether there is neither an answer nor an error yet. */
  get empty() {
    return this.data === null && this.error === null;
  }

  close() {
    this.#abort?.abort();
    this.#abort = null;
  }
}
