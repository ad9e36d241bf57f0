// The map: tasks and selectors, who publishes to and subscribes from whom, with what flows and how full the rings
// are.

import { byId, bytes, num, percent, s, setText, short } from "./dom.js";
import { layout } from "./layout.js";
import { level } from "./tables.js";

const RADIUS = 8;
const ROUND = 2 * Math.PI * RADIUS;

const fit = (text, width) => {
  const most = Math.max(3, Math.floor(width / 7));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
};

/** An address without its scheme where there is no room for both: its port tells more. */
const fitAddress = (at, width) => fit(at.length * 7 > width ? at.replace(/^[a-z+]+:\/\//, "") : at, width);

export class KernelMap {
  #signature = "";
  #parts = new Map();

  constructor(store, open) {
    this.store = store;
    this.open = open;
    this.host = byId("map");
    this.host.addEventListener("click", (event) => this.#choose(event.target.closest(".node")));
    this.host.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.update()).observe(this.host);
  }

  #choose(node) {
    if (node) this.open(node.dataset.kind, Number(node.dataset.id));
  }

  /** Arrows go to the nearest node in that direction. */
  #key(event) {
    const node = event.target.closest(".node");
    if (!node) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return this.#choose(node);
    }
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    const centre = (element) => {
      const box = element.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    };
    const [x, y] = centre(node);
    const far = (other) => {
      const [dx, dy] = centre(other).map((value, at) => value - [x, y][at]);
      const along = dx * way[0] + dy * way[1];
      return along > 4 ? along + 3 * Math.abs(dx * way[1] + dy * way[0]) : Infinity;
    };
    const nodes = [...this.host.querySelectorAll(".node")].filter((other) => other !== node);
    const next = nodes.reduce((best, other) => (far(other) < far(best ?? other) || !best ? other : best), null);
    if (next && far(next) < Infinity) next.focus();
  }

  update(selected) {
    const now = this.store.latest;
    if (selected !== undefined) this.selected = selected;
    const style = getComputedStyle(this.host);
    const width = this.host.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    if (!now || width < 100 || document.hidden) return;
    const plan = layout(now, width);
    const signature = JSON.stringify([width, plan.height, plan.cores.map((core) => [core.id, core.more]),
      [...plan.tasks.values()].map((task) => [task.id, task.x, task.y, now.tasks.get(task.id).name]),
      [...plan.selectors.values()].map((one) => [one.id, one.x, one.y, now.selectors.get(one.id).at]),
      [...plan.rings.values()].map((ring) => [ring.id, ring.x, ring.y, ring.label]), plan.edges.map((edge) => edge.key)]);
    if (signature !== this.#signature) {
      this.#signature = signature;
      this.#draw(now, plan);
    }
    this.#show(now, plan);
  }

  #draw(now, plan) {
    const focused = document.activeElement?.closest?.(".node")?.dataset.key;
    this.#parts = new Map();
    const marker = (id) => s("marker", { id, viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, s("path", { d: "M0 0L8 4L0 8z" }));
    const svg = s("svg", { width: plan.width, height: plan.height, viewBox: `0 0 ${plan.width} ${plan.height}`, role: "group", "aria-label": "Cores with their tasks and rings" },
      s("defs", {}, marker("to-publish"), marker("to-subscribe")),
      plan.cores.map((core) => this.#core(core)),
      s("g", { class: "edges" }, plan.edges.map((edge) => this.#edge(edge))),
      [...plan.selectors.values()].map((place) => this.#selector(now.selectors.get(place.id), place)),
      [...plan.tasks.values()].map((place) => this.#task(now.tasks.get(place.id), place)),
      [...plan.rings.values()].map((place) => this.#ring(place)));
    this.host.replaceChildren(svg);
    if (focused) svg.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  #core(core) {
    const load = s("text", { x: core.x + core.width - 12, y: core.y + 24, class: "load", "text-anchor": "end" });
    const bar = ["bus", "io", "work"].map((kind) => s("rect", { x: core.x + 12, y: core.y + 31, height: 3, width: 0, class: `fill-${kind}` }));
    this.#parts.set(`c${core.id}`, { load, bar, width: core.width - 24, x: core.x + 12 });
    return s("g", { class: "core" },
      s("rect", { x: core.x + 0.5, y: core.y + 0.5, width: core.width - 1, height: core.height - 1, rx: 12, class: "box" }),
      s("text", { x: core.x + 12, y: core.y + 24, class: "title" }, `core ${core.id}`),
      load, s("rect", { x: core.x + 12, y: core.y + 31, height: 3, width: core.width - 24, rx: 1.5, class: "track" }), bar,
      core.more ? s("text", { x: core.x + 14, y: core.moreY + 20, class: "more" }, `and ${core.more} more tasks`) : null);
  }

  #edge(edge) {
    const line = s("path", { d: edge.path, class: "line", "marker-end": `url(#to-${edge.kind})` });
    const flow = s("path", { d: edge.path, class: "flow" });
    const group = s("g", { class: `edge ${edge.kind}` }, line, flow);
    this.#parts.set(edge.key, { group });
    return group;
  }

  #node(kind, id, place, ...children) {
    const key = `${kind[0]}${id}`;
    const title = s("title", {});
    const group = s("g", { class: `node ${kind}`, tabindex: 0, role: "button", "data-kind": kind, "data-id": id, "data-key": key, transform: `translate(${place.x} ${place.y})` },
      title, s("rect", { width: place.width, height: place.height, rx: kind === "ring" ? place.height / 2 : 7, class: "box" }), children);
    return { key, group, title };
  }

  #task(task, place) {
    const share = s("text", { x: place.width - 8, y: 19, "text-anchor": "end", class: "figure" });
    const bar = s("rect", { y: place.height - 3, height: 3, width: 0, rx: 1.5, class: "fill-work" });
    const node = this.#node("task", task.task, place,
      s("circle", { cx: 13, cy: 15, r: 4, class: "state" }),
      s("text", { x: 24, y: 19, class: "name" }, fit(task.name, place.width - 66)), share, bar);
    this.#parts.set(node.key, { ...node, share, bar, width: place.width });
    return node.group;
  }

  #selector(one, place) {
    const count = s("text", { x: place.width - 10, y: 19, "text-anchor": "end", class: "figure" });
    const node = this.#node("selector", one.selector, place,
      s("text", { x: 10, y: 19, class: "name small" }, fitAddress(one.at, place.width - 40)), count);
    this.#parts.set(node.key, { ...node, count });
    return node.group;
  }

  #ring(place) {
    const arc = s("circle", { cx: 15, cy: 15, r: RADIUS, class: "arc", "stroke-dasharray": `0 ${ROUND}`, transform: "rotate(-90 15 15)" });
    const rate = s("text", { x: 30, y: 26, class: "figure small" });
    const node = this.#node("ring", place.id, place,
      s("circle", { cx: 15, cy: 15, r: RADIUS, class: "track" }), arc,
      s("text", { x: 30, y: 13, class: "name small" }, fit(place.label, place.width - 36)), rate);
    this.#parts.set(node.key, { ...node, arc, rate });
    return node.group;
  }

  #show(now, plan) {
    const { selected } = this;
    const near = (edge) => selected && edge[selected.kind] === selected.id;
    for (const core of now.cores.values()) {
      const part = this.#parts.get(`c${core.core}`);
      if (!part) continue;
      setText(part.load, `${core.tasks} tasks · ${percent(core.bus + core.io + core.work)}`);
      let x = part.x;
      [core.bus, core.io, core.work].forEach((share, at) => {
        const width = Math.min(part.x + part.width - x, Math.max(0, share) * part.width);
        part.bar[at].setAttribute("x", x);
        part.bar[at].setAttribute("width", Math.max(0, width));
        x += width;
      });
    }
    for (const { id } of plan.tasks.values()) {
      const task = now.tasks.get(id), part = this.#parts.get(`t${id}`);
      setText(part.share, task.share < 0.0005 ? "" : percent(task.share));
      part.bar.setAttribute("width", Math.min(1, task.share) * part.width);
      setText(part.title, `task ${id} ${task.name}: ${task.state}, ${percent(task.share)} CPU`);
      part.group.setAttribute("class", `node task ${task.state}${selected?.kind === "task" && selected.id === id ? " chosen" : ""}`);
    }
    for (const { id } of plan.selectors.values()) {
      const one = now.selectors.get(id), part = this.#parts.get(`s${id}`);
      setText(part.count, one.connections > 0 ? short(num(one.connections)) : "");
      setText(part.title, `selector ${id} ${one.at}: ${one.connections} connections, ${bytes(one.inRate)}/s in, ${bytes(one.outRate)}/s out`);
      part.group.setAttribute("class", `node selector${selected?.kind === "selector" && selected.id === id ? " chosen" : ""}`);
    }
    for (const { id, label } of plan.rings.values()) {
      const ring = now.rings.get(id), part = this.#parts.get(`r${id}`);
      part.arc.setAttribute("stroke-dasharray", `${ring.fill * ROUND} ${ROUND}`);
      setText(part.rate, ring.rate > 0 ? `${bytes(ring.rate)}/s` : ring.kind === "closed" ? "closed" : "quiet");
      setText(part.title, `ring ${id} ${label}: ${short(ring.commitRate)} messages/s, ${percent(ring.fill)} full, lag ${bytes(ring.lag)}, ${ring.readers.length} readers`);
      part.group.setAttribute("class", `node ring ${level(ring.fill)}${selected?.kind === "ring" && selected.id === id ? " chosen" : ""}`);
    }
    for (const edge of plan.edges) {
      const end = now.rings.get(edge.end), part = this.#parts.get(edge.key);
      const pace = end.rate > 1e7 ? " fast" : end.rate > 1e5 ? " steady" : end.rate > 0 ? " slow" : "";
      const late = edge.kind === "subscribe" ? ` ${level(end.fill)}` : "";
      part.group.setAttribute("class", `edge ${edge.kind}${pace}${late}${near(edge) ? " near" : selected ? " far" : ""}`);
    }
  }
}
