/* How the pipeline itself is: hops, lag, latency, networks, sources, what was refused. */

import { Resource, address } from "../api.js";
import { h } from "../dom.js";
import { brief, duration, plural, when } from "../format.js";
import { figure } from "../parts/controls.js";
import { icon } from "../parts/icons.js";
import { command, empty, failure, loading, stale } from "../parts/notices.js";
import * as parts from "../parts/operations.js";

const EVERY_MS = 3000;

export const open = (app) => new Operations(app);

class Operations {
  constructor(app) {
    this.app = app;
    this.found = new Resource(() => app.redraw());
    this.clock = setInterval(() => !document.hidden && this.start(), EVERY_MS);
  }

  title = () => "Operations";

  /** It is of the pipeline, not of a namespace. */
  ofPipeline = true;

  start() {
    this.found.ask(address(["operations"]));
  }

  refresh() {
    this.start();
  }

  close() {
    clearInterval(this.clock);
    this.found.close();
  }

  render() {
    const { data, error, empty: nothing } = this.found;
    const head = this.#head();
    if (data === null) return [head, nothing ? loading() : failure(error, () => this.start())];
    const { processes } = data;
    return [
      head, stale(error), this.#state(data), processes.length ? summary(data) : idle(),
      h("div", { class: "boxes", key: "boxes" },
        processes.length > 0 && [
          parts.hops(processes), parts.lag(processes), parts.networks(processes), parts.refused(processes),
        ],
        parts.gaps(data.gaps), processes.length > 0 && parts.processes(processes, data),
        parts.sources(data), parts.namespaces(this.app, data)),
    ];
  }

  #head() {
    const data = this.found.data;
    return h("header", { class: "view-head", key: "head" }, h("div", null, h("h1", null, "Operations"),
      h("p", { class: "note" }, data ? ["As of ", when(data.now_ms, { withSeconds: true }), `, server ${data.version}`]
        : "How the pipeline itself is")));
  }

  #state({ processes, sources }) {
    const ill = processes.filter((p) => !p.healthy);
    const away = sources.filter((s) => !s.connected);
    if (!ill.length && !away.length) return null;
    return h("div", { class: "notice warning", role: "status", key: "state" }, icon("alert"), h("ul", null,
      ill.map((p) => h("li", { key: p.id }, h("b", null, parts.nameOf(p)), `: ${p.reason || "not healthy"}`)),
      away.map((s) => h("li", { key: s.source }, h("b", null, s.source), `: not connected, ${s.cause || "no reason given"}`))));
  }
}

/** The few figures to look at first. */
function summary({ processes, readers }) {
  const hops = processes.flatMap((p) => p.hops);
  const rate = (stage) => hops.filter((hop) => hop.stage === stage)
    .reduce((sum, hop) => sum + (hop.read_per_s ?? 0), 0);
  const lag = processes.flatMap((p) => p.lag).reduce((sum, l) => sum + l.records, 0);
  const latencies = processes.map((p) => p.latency).filter(Boolean);
  const worst = (name) => (latencies.length ? Math.max(...latencies.map((l) => l[name])) * 1000 : null);
  const refused = processes.flatMap((p) => p.dead_letters).reduce((sum, r) => sum + r.count, 0);
  const pairs = processes.map((p) => p.pairs_per_request).filter((n) => n !== null);
  return h("dl", { class: "figures", key: "figures" },
    figure("Processes", plural(processes.length, "process", "processes"), `${plural(hops.length, "hop")}`),
    figure("Posts into inference", `${brief(Math.round(rate("inference")))}/s`),
    figure("Lag", plural(lag, "record"), "not yet polled, all groups"),
    figure("Latency p50", duration(worst("p50_s")), latencies.length ? "arrival to score" : "nothing scored in the last minute"),
    figure("Latency p99", duration(worst("p99_s"))),
    figure("Dead letters", brief(refused), "since the processes began", refused ? "bad" : ""),
    figure("Pairs per request", pairs.length ? (pairs.reduce((a, b) => a + b, 0) / pairs.length).toFixed(1) : "–", "to the networks"),
    figure("Readers", brief(readers), "of this dashboard"));
}

function idle() {
  return empty("No process has spoken within 15 seconds",
    h("p", null, "Figures that are there stay readable. Start one to see it here:"),
    command("undertone run --source bluesky --topics topics.example.yaml"));
}
