// Figures over time: shares of the cores, CPU by task, and what flows through the rings.

import { byId, bytes, h, percent, short } from "./dom.js";
import { ringLabel } from "./store.js";

const LINES_MAX = 6;
const SPANS = [[60, "1 min"], [180, "3 min"], [600, "10 min"]];
/** Where the ticks of the time lie, in parts of what is shown. */
const PARTS = [0.75, 0.5, 0.25, 0];
/** Steps of an axis that counts bytes. */
const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const HUES = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The ids that had the largest sum over the shown time. */
function largest(samples, of) {
  const sums = new Map();
  for (const sample of samples)
    for (const [id, value] of of(sample)) sums.set(id, (sums.get(id) ?? 0) + value);
  return [...sums].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, LINES_MAX).map(([id]) => id).sort((a, b) => a - b);
}

const perRing = (key) => (sample) => [...sample.rings].map(([id, ring]) => [id, ring[key]]);
const ringPlot = (id, title, key, format, binary = false) => ({
  id, title, format, binary,
  lines: (now, samples) => largest(samples, perRing(key)).map((ring) => ({
    key: ring,
    label: now.rings.has(ring) ? ringLabel(now, now.rings.get(ring)) : `ring ${ring}`,
    of: (sample) => sample.rings.get(ring)?.[key] ?? null,
  })),
});

const PLOTS = [
  {
    id: "cores", title: "Time of the cores", format: percent, stacked: true, hues: ["--bus", "--io", "--work"],
    lines: () => [
      { key: "bus", label: "bus", of: (sample) => sample.bus },
      { key: "io", label: "io", of: (sample) => sample.io },
      { key: "work", label: "tasks", of: (sample) => sample.work },
    ],
  },
  {
    id: "cpu", title: "CPU by task", format: percent,
    lines: (now, samples) => largest(samples, (sample) => sample.tasks).map((task) => ({
      key: task, label: now.tasks.get(task)?.name ?? `task ${task}`, of: (sample) => sample.tasks.get(task) ?? 0,
    })),
  },
  ringPlot("messages", "Messages by ring, per second", "commits", short),
  ringPlot("flow", "Bytes by ring, per second", "rate", (rate) => `${bytes(rate)}/s`, true),
  ringPlot("fill", "Fill by ring", "fill", percent),
  ringPlot("lag", "Lag by ring", "lag", bytes, true),
  {
    id: "bus", title: "InterCore messages, per second", format: short,
    lines: () => [{ key: "messages", label: "all cores", of: (sample) => sample.messages }],
  },
];

class Plot {
  #plot = null;
  #signature = "";

  constructor(host, kind) {
    this.kind = kind;
    this.canvas = h("div", { class: "canvas" });
    this.legend = h("ul", { class: "lines", "aria-label": `${kind.title}, now` });
    this.box = h("figure", { class: "plot", id: `plot-${kind.id}` }, h("figcaption", {}, kind.title), this.canvas, this.legend);
    host.append(this.box);
  }

  /** Draws anew with other colours or another width. */
  forget() {
    this.#signature = "";
  }

  update(now, samples, seconds) {
    const lines = this.kind.lines(now, samples);
    const width = this.canvas.clientWidth;
    if (width === 0) return;
    const times = samples.map((sample) => sample.time);
    const columns = lines.map((line) => samples.map(line.of));
    const shown = this.kind.stacked ? stack(columns) : columns;
    const signature = JSON.stringify([width, lines.map((line) => [line.key, line.label])]);
    if (signature !== this.#signature) this.#make(lines, width, signature);
    this.#plot.setData([times, ...shown], false);
    const end = times.at(-1) ?? seconds;
    this.#plot.setScale("x", { min: end - seconds, max: end });
    const tops = shown.flat().filter((value) => value !== null);
    const most = Math.max(this.kind.format === percent ? 0.05 : 1, ...tops.length < 50000 ? tops : [tops.reduce((a, b) => Math.max(a, b), 0)]);
    this.#plot.setScale("y", { min: 0, max: most * 1.08 });
    this.box.dataset.points = String(times.length);
    lines.forEach((line, at) => {
      const value = columns[at].at(-1);
      this.legend.children[at].lastElementChild.textContent = value === null || value === undefined ? "–" : this.kind.format(value);
    });
  }

  #make(lines, width, signature) {
    this.#signature = signature;
    this.#plot?.destroy();
    const { format, stacked, binary, hues = HUES } = this.kind;
    const axis = { stroke: css("--muted"), font: `11px ${css("--sans")}`, grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false } };
    const series = lines.map((line, at) => ({
      label: line.label, stroke: css(hues[at]), width: 1.6, points: { show: false }, spanGaps: false,
      fill: stacked || lines.length === 1 ? `${css(hues[at])}40` : undefined,
    }));
    const bands = stacked ? lines.slice(1).map((_, at) => ({ series: [at + 2, at + 1] })) : undefined;
    this.#plot = new globalThis.uPlot({
      width, height: 150, padding: [8, 18, 0, 0], legend: { show: false }, bands,
      cursor: { y: false, points: { size: 5 } },
      scales: { x: { time: false }, y: {} },
      series: [{}, ...series],
      axes: [
        { ...axis, size: 24, splits: (plot) => PARTS.map((part) => plot.scales.x.max - part * (plot.scales.x.max - plot.scales.x.min)), values: (plot, ticks) => ticks.map((tick) => ago(plot.scales.x.max - tick)) },
        { ...axis, size: 66, space: 34, incrs: binary ? POWERS : undefined, values: (_, ticks) => ticks.map((tick) => format(tick)) },
      ],
    }, [[], ...lines.map(() => [])], this.canvas);
    this.legend.replaceChildren(...lines.map((line, at) => {
      const swatch = h("i", { "aria-hidden": "true" });
      swatch.style.background = css(hues[at]);
      return h("li", {}, swatch, h("span", { class: "name" }, line.label), h("b", {}));
    }));
  }
}

function stack(columns) {
  const sums = columns.length ? columns[0].map(() => 0) : [];
  return columns.map((column) => column.map((value, at) => (sums[at] += value ?? 0)));
}

const ago = (seconds) => (seconds < 1 ? "now" : seconds < 90 ? `−${Math.round(seconds)} s` : `−${(seconds / 60).toFixed(seconds % 60 ? 1 : 0)} min`);

export class Plots {
  #seconds = SPANS[0][0];

  constructor(store) {
    this.store = store;
    this.all = PLOTS.map((kind) => new Plot(byId("plots"), kind));
    const buttons = SPANS.map(([seconds, title]) => h("button", { onclick: () => this.#show(seconds), "data-seconds": seconds }, title));
    byId("spans").replaceChildren(...buttons);
    this.#show(this.#seconds);
    addEventListener("themechange", () => this.#anew());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#anew());
    new ResizeObserver(() => this.update()).observe(byId("plots"));
  }

  #anew() {
    this.all.forEach((plot) => plot.forget());
    this.update();
  }

  #show(seconds) {
    this.#seconds = seconds;
    for (const button of byId("spans").children) button.setAttribute("aria-pressed", Number(button.dataset.seconds) === seconds);
    this.update();
  }

  update() {
    const { latest, samples } = this.store;
    if (!latest || !globalThis.uPlot || document.hidden) return;
    const from = latest.time - this.#seconds;
    let first = samples.findIndex((sample) => sample.time >= from);
    if (first < 0) first = samples.length;
    const shown = samples.slice(Math.max(0, first - 1));
    for (const plot of this.all) plot.update(latest, shown, this.#seconds);
  }
}
