// Tables of tasks and of rings: sorted by any column, opened by Enter or a click.

import { bytes, h, percent, setText, short, span } from "./dom.js";
import { ringLabel } from "./store.js";

const ROWS_MAX = 250;

const fraction = (value, colour) => {
  const bar = h("i", { class: `bar ${colour}`, "aria-hidden": "true" });
  bar.style.setProperty("--share", Math.min(1, value).toFixed(3));
  return bar;
};

export const TASKS = {
  rows: (now) => [...now.tasks.values()],
  id: (task) => task.task,
  order: ["share", -1],
  columns: [
    { key: "task", wide: true, title: "Id", of: (task) => task.task, number: true },
    { key: "name", title: "Name", of: (task) => task.name },
    { key: "core", wide: true, title: "Core", of: (task) => task.core, number: true },
    { key: "state", title: "State", of: (task) => task.state, cell: (task) => [h("i", { class: `dot ${task.state}`, "aria-hidden": "true" }), task.state] },
    { key: "share", title: "CPU", of: (task) => task.share, number: true, cell: (task) => [fraction(task.share, "work"), percent(task.share)] },
    { key: "cpu_ms", wide: true, title: "CPU time", of: (task) => task.cpu_ms, number: true, cell: (task) => span(task.cpu_ms / 1000) },
    { key: "turnRate", wide: true, title: "Turns/s", of: (task) => task.turnRate, number: true, cell: (task) => short(task.turnRate) },
    { key: "weight", title: "Weight", of: (task) => task.weight, number: true },
    { key: "memory", title: "Memory", of: (task) => Number(task.memory), number: true, cell: (task) => bytes(Number(task.memory)) },
  ],
};

export const RINGS = {
  rows: (now) => [...now.rings.values()].filter((end) => end.isRing).map((ring) => ({ ...ring, label: ringLabel(now, ring) })),
  id: (ring) => ring.id,
  order: ["rate", -1],
  columns: [
    { key: "id", wide: true, title: "Id", of: (ring) => ring.id, number: true },
    { key: "label", title: "Ring", of: (ring) => ring.label, cell: (ring) => (ring.kind === "closed" ? [ring.label, " ", h("em", { class: "muted" }, "closed")] : ring.label) },
    { key: "core", wide: true, title: "Core", of: (ring) => ring.core ?? -1, number: true, cell: (ring) => ring.core ?? "–" },
    { key: "readers", wide: true, title: "Readers", of: (ring) => ring.readers.length, number: true },
    { key: "rate", title: "Bytes/s", of: (ring) => ring.rate, number: true, cell: (ring) => `${bytes(ring.rate)}/s` },
    { key: "commitRate", title: "Messages/s", of: (ring) => ring.commitRate, number: true, cell: (ring) => short(ring.commitRate) },
    { key: "fill", title: "Fill", of: (ring) => ring.fill, number: true, cell: (ring) => [fraction(ring.fill, level(ring.fill)), percent(ring.fill)] },
    { key: "lag", title: "Lag", of: (ring) => ring.lag, number: true, cell: (ring) => bytes(ring.lag) },
    { key: "missed", wide: true, title: "Missed", of: (ring) => ring.missed, number: true, cell: (ring) => bytes(ring.missed) },
    { key: "capacity", wide: true, title: "Size", of: (ring) => ring.capacity, number: true, cell: (ring) => bytes(ring.capacity) },
  ],
};

export const level = (fill) => (fill > 0.9 ? "bad" : fill > 0.6 ? "warn" : "good");

/** Numbers stand on the right; what is `wide` has no place in a narrow window. */
const classOf = (column) => `${column.number ? "number" : ""} ${column.wide ? "wide" : ""}`.trim();

export class Table {
  #rows = new Map();
  #order;

  constructor(host, kind, title, open) {
    this.kind = kind;
    this.open = open;
    this.#order = kind.order;
    this.body = h("tbody", {});
    this.heads = kind.columns.map((column) => h("th", { scope: "col", class: classOf(column) },
      h("button", { class: "sort", onclick: () => this.#sortBy(column.key) }, column.title)));
    host.replaceChildren(h("table", {}, h("caption", { class: "hidden" }, title), h("thead", {}, h("tr", {}, this.heads)), this.body));
    this.body.addEventListener("click", (event) => this.#choose(event.target.closest("tr")));
    this.body.addEventListener("keydown", (event) => this.#key(event));
    this.#mark();
  }

  #sortBy(key) {
    const [now, way] = this.#order;
    const text = typeof this.last?.rows.at(0)?.[key] === "string";
    this.#order = [key, now === key ? -way : text ? 1 : -1];
    this.#mark();
    if (this.last) this.update(this.last.now, this.last.selected);
  }

  #mark() {
    this.kind.columns.forEach((column, at) => {
      const [key, way] = this.#order;
      const sorted = column.key === key ? (way > 0 ? "ascending" : "descending") : "none";
      this.heads[at].setAttribute("aria-sort", sorted);
    });
  }

  #choose(row) {
    if (row) this.open(Number(row.dataset.id));
  }

  #key(event) {
    const row = event.target.closest("tr");
    const to = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling, Home: this.body.firstElementChild, End: this.body.lastElementChild }[event.key];
    if (to) {
      event.preventDefault();
      to.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#choose(row);
    }
  }

  update(now, selected) {
    const { kind } = this;
    const [key, way] = this.#order;
    const column = kind.columns.find((candidate) => candidate.key === key);
    const rows = kind.rows(now);
    this.last = { now, selected, rows };
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    rows.sort((a, b) => way * compare(column.of(a), column.of(b)) || kind.id(a) - kind.id(b));
    const shown = rows.slice(0, ROWS_MAX);
    const kept = new Map();
    shown.forEach((item, at) => {
      const id = kind.id(item);
      const row = this.#rows.get(id) ?? h("tr", { tabindex: at === 0 ? 0 : -1, "data-id": id }, kind.columns.map((c) => h("td", { class: classOf(c) })));
      row.setAttribute("aria-selected", id === selected);
      row.className = item.state === "ended" || item.kind === "closed" ? "gone" : "";
      kind.columns.forEach((c, cell) => {
        const content = c.cell ? c.cell(item) : String(c.of(item));
        if (typeof content === "string" || typeof content === "number") setText(row.cells[cell], String(content));
        else row.cells[cell].replaceChildren(...content);
      });
      if (this.body.children[at] !== row) this.body.insertBefore(row, this.body.children[at] ?? null);
      kept.set(id, row);
    });
    for (const [id, row] of this.#rows) if (!kept.has(id)) row.remove();
    this.#rows = kept;
    if (this.body.firstElementChild && !this.body.querySelector('[tabindex="0"]')) this.body.firstElementChild.tabIndex = 0;
  }
}
