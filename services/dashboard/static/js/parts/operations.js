/* The boxes of the operations page. */

import { classes, h } from "../dom.js";
import { NONE, brief, count, duration, span, when } from "../format.js";
import { panel, table } from "./controls.js";
import { icon } from "./icons.js";

const STUCK_S = 30;

export const nameOf = (process) => `${process.command} ${process.host}:${process.pid}`;

const state = (healthy, reason) => h("span", { class: classes("badge", healthy ? "good" : "critical"), title: reason || null },
  icon(healthy ? "check" : "alert"), healthy ? "Healthy" : "Unhealthy");

const rate = (value) => (value === null || value === undefined ? NONE : `${brief(Math.round(value * 10) / 10)}/s`);
const mean = (value, unit = "") => (value === null || value === undefined ? NONE : `${value.toFixed(1)}${unit}`);
const seconds = (value) => (value === null || value === undefined ? NONE : duration(value * 1000));

/** A box with a table, or a line that says why there is none. */
function box(title, note, columns, rows, nothing, options) {
  return panel({ title, note: rows.length ? note : null, extra: options?.wide && "wide" },
    rows.length ? table(title, columns, rows, options) : h("p", { class: "note" }, nothing));
}

export function hops(processes) {
  const rows = processes.flatMap((process) => process.hops.map((hop) => ({ process, hop })));
  return box("Hops", "rates of the last minute", [
    { name: "Hop", cell: ({ hop }) => [h("b", null, hop.stage), hop.source && ` ${hop.source}`] },
    { name: "State", cell: ({ hop }) => [state(hop.healthy, hop.reason), hop.reason && h("span", { class: "note" }, ` ${hop.reason}`)] },
    { name: "Read", numeric: true, cell: ({ hop }) => rate(hop.read_per_s) },
    { name: "Written", numeric: true, cell: ({ hop }) => rate(hop.written_per_s) },
    { name: "Read in all", numeric: true, cell: ({ hop }) => brief(hop.read) },
    { name: "Written in all", numeric: true, cell: ({ hop }) => brief(hop.written) },
    { name: "In flight", numeric: true, cell: ({ hop }) => count(hop.in_flight) },
    { name: "Partitions", numeric: true, cell: ({ hop }) => hop.partitions.join(", ") || NONE },
    { name: "Last round", numeric: true, cell: ({ hop }) => h("span", { class: classes(hop.turned_s > STUCK_S && "worry") },
      hop.turned_s === null ? NONE : `${seconds(hop.turned_s)} ago`) },
    { name: "Process", cell: ({ process }) => nameOf(process) },
  ], rows, "No hop is at work.", { key: ({ process, hop }, i) => `${process.id} ${hop.stage} ${i}`, wide: true });
}

/** Per group and stream, over its partitions. */
export function lag(processes) {
  const groups = new Map();
  for (const one of processes.flatMap((process) => process.lag)) {
    const key = `${one.group} ${one.stream}`;
    const held = groups.get(key) ?? { key, ...one, records: 0, partitions: 0, worst: 0 };
    held.records += one.records;
    held.partitions += 1;
    held.worst = Math.max(held.worst, one.records);
    groups.set(key, held);
  }
  return box("Lag", "records that a group has not polled yet", [
    { name: "Group", cell: (row) => row.group },
    { name: "Stream", cell: (row) => row.stream },
    { name: "Records", numeric: true, cell: (row) => h("b", null, count(row.records)) },
    { name: "Worst partition", numeric: true, cell: (row) => count(row.worst) },
    { name: "Partitions", numeric: true, cell: (row) => count(row.partitions) },
  ], [...groups.values()], "No group reads a stream now.", { key: (row) => row.key });
}

export function networks(processes) {
  const rows = processes.flatMap((process) => process.models.map((model) => ({ process, model })));
  return box("Networks", "of the last minute", [
    { name: "Network", cell: ({ model }) => model.name },
    { name: "Where", cell: ({ model }) => (model.where === "triton" ? "Triton" : "in the process") },
    { name: "Runs", numeric: true, cell: ({ model }) => brief(model.runs) },
    { name: "Batch", numeric: true, cell: ({ model }) => mean(model.batch) },
    { name: "Queue", numeric: true, cell: ({ model }) => mean(model.queue_ms, " ms") },
    { name: "Compute", numeric: true, cell: ({ model }) => mean(model.compute_ms, " ms") },
    { name: "Failed", numeric: true, cell: ({ model }) => h("span", { class: classes(model.failed && "worry") }, count(model.failed)) },
  ], rows, "No network ran in the last minute.", { key: ({ process, model }) => `${process.id} ${model.name}` });
}

export function refused(processes) {
  const rows = processes.flatMap((process) => process.dead_letters.map((one) => ({ process, ...one })));
  return box("Dead letters", ["kept with their bytes and the reason: ", h("code", null, "undertone dead-letters list")], [
    { name: "Hop", cell: (row) => row.stage },
    { name: "Reason", cell: (row) => row.reason.replaceAll("_", " ") },
    { name: "Records", numeric: true, cell: (row) => count(row.count) },
  ], rows, "None: every record could be read and processed.", { key: (row) => `${row.process.id} ${row.stage} ${row.reason}` });
}

export function sources({ sources: rows }) {
  return box("Sources", "live connections", [
    { name: "Source", cell: (row) => h("b", null, row.source) },
    { name: "State", cell: (row) => [h("span", { class: classes("badge", row.connected ? "good" : "critical") },
      icon(row.connected ? "check" : "alert"), row.connected ? "Connected" : "Away"),
    h("span", { class: "note" }, " since ", when(row.since_ms), !row.connected && row.cause && `: ${row.cause}`)] },
    { name: "Lag", numeric: true, cell: (row) => duration(row.lag_ms) },
    { name: "Last post", numeric: true, cell: (row) => (row.last_event_ms ? when(row.last_event_ms, { withSeconds: true }) : NONE) },
    { name: "Events", numeric: true, cell: (row) => brief(row.events) },
    { name: "Reconnects", numeric: true, cell: (row) => count(row.reconnects) },
    { name: "Lost", numeric: true, cell: (row) => (row.lost_ms ? duration(row.lost_ms) : NONE) },
    { name: "Host", cell: (row) => row.host },
  ], rows, "No live source: these figures are of replays.", { key: (row) => row.source, wide: true });
}

export function gaps(rows) {
  return box("Source gaps", "newest first", [
    { name: "Source", cell: (row) => row.source },
    { name: "When", cell: (row) => span(row.from, row.to, { withSeconds: true }) },
    { name: "Length", numeric: true, cell: (row) => duration(row.to - row.from) },
    { name: "Cause", cell: (row) => row.cause },
    { name: "Outcome", cell: (row) => h("span", { class: classes("badge", row.filled ? "good" : "warning") },
      row.filled ? "Played back" : "Lost") },
  ], rows, "None: every source was connected all the time.", { key: (row) => `${row.source} ${row.from}` });
}

export function processes(rows, { now_ms: now }) {
  return box("Processes", "that spoke within 15 seconds", [
    { name: "Process", cell: (row) => h("b", null, nameOf(row)) },
    { name: "State", cell: (row) => state(row.healthy, row.reason) },
    { name: "Running for", numeric: true, cell: (row) => duration(now - row.started_ms) },
    { name: "Memory", numeric: true, cell: (row) => (row.memory_bytes === null ? NONE : `${Math.round(row.memory_bytes / 2 ** 20)} MiB`) },
    { name: "Retries", numeric: true, cell: (row) => count(Object.values(row.retries).reduce((a, b) => a + b, 0)) },
    { name: "Versions", cell: (row) => h("span", { class: "note versions" }, Object.entries(row.versions).map(([name, version]) => `${name} ${version}`).join(", ")) },
  ], rows, "None.", { key: (row) => row.id, wide: true });
}

export function namespaces(app, { namespaces: rows }) {
  return box("Namespaces", null, [
    { name: "Name", cell: (row) => h("a", { href: app.href([], { namespace: row.name }) }, row.name) },
    { name: "Kind", cell: (row) => row.kind },
    { name: "Topics", numeric: true, cell: (row) => count(row.topics) },
    { name: "Newest post", numeric: true, cell: (row) => when(row.newest_ms) },
    { name: "Complete to", numeric: true, cell: (row) => (row.ended ? "the end" : when(row.watermark_ms)) },
  ], rows, "None yet.", { key: (row) => row.name, wide: true });
}
