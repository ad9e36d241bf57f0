// The details of one task, ring or selector, and what can be done with it.

import { byId, bytes, h, percent, setText, short, span } from "./dom.js";
import { ringLabel } from "./store.js";

const VALUES_MAX = 8;

const times = (count) => (Number(count) === 1 ? "once" : `${count} times`);

const facts = (rows) => h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

export class Details {
  #shown = null;
  #opener = null;
  #unwatch = null;

  constructor(store, actions) {
    this.store = store;
    this.actions = actions;
    this.host = byId("details");
    this.host.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
  }

  get shown() {
    return this.#shown;
  }

  open(kind, id) {
    if (!this.#shown) this.#opener = document.activeElement;
    this.#stop();
    this.#shown = { kind, id };
    this.host.hidden = false;
    this.title = h("h2", { tabindex: -1 });
    this.body = h("div", { class: "facts-list" });
    this.watch = h("ol", { class: "watch", hidden: true });
    this.host.replaceChildren(
      h("header", {}, this.title, h("button", { class: "quiet", "aria-label": "Close", title: "Close (Esc)", onclick: () => this.close() }, "×")),
      this.body, { task: (id) => this.#taskTools(id), ring: (id) => this.#ringTools(id), selector: (id) => this.#selectorTools(id) }[kind](id), this.watch);
    this.update();
    this.title.focus();
  }

  close() {
    this.#stop();
    this.#shown = null;
    this.host.hidden = true;
    this.host.dispatchEvent(new CustomEvent("closed", { bubbles: true }));
    if (this.#opener?.isConnected) this.#opener.focus();
  }

  #stop() {
    this.#unwatch?.();
    this.#unwatch = null;
  }

  #taskTools(id) {
    const weight = h("input", { type: "number", min: 1, max: 100000, required: true, "aria-label": "Weight", value: this.store.latest?.tasks.get(id)?.weight ?? 100 });
    const cores = [...(this.store.latest?.cores.keys() ?? [])];
    const core = h("select", { "aria-label": "Core" }, cores.map((one) => h("option", { value: one, selected: one === this.store.latest.tasks.get(id)?.core }, `core ${one}`)));
    const form = (act, ...parts) => h("form", { onsubmit: (event) => { event.preventDefault(); act(); } }, parts);
    return h("div", { class: "tools owner", id: "task-tools" },
      form(() => this.actions.weight(id, weight.valueAsNumber), h("label", {}, "Weight ", weight), h("button", {}, "Set")),
      cores.length > 1 && form(() => this.actions.move(id, core.value), core, h("button", { id: "move", title: "Go on on that core" }, "Move")),
      h("button", { id: "rights", title: "What it was granted, and what is left of it", onclick: () => this.actions.ask(`caps ${id}`) }, "Rights"),
      h("button", { id: "limits", title: "What it may use, and what it uses of it", onclick: () => this.actions.ask(`ps ${id}`) }, "Limits"),
      h("button", { id: "rollback", hidden: true, title: "Its module's version of before", onclick: () => this.actions.rollback(id) }, "Roll back"),
      h("button", { class: "danger", id: "kill", title: "End this task (k)", onclick: () => this.actions.kill(id) }, "Kill"));
  }

  #selectorTools(id) {
    return h("div", { class: "tools owner" },
      h("button", { class: "danger", title: "Close it and all of its connections", onclick: () => this.actions.drop(id) }, "Drop"));
  }

  #ringTools(id) {
    const button = h("button", { onclick: () => this.#toggleWatch(id, button), "aria-pressed": false }, "Watch values");
    return h("div", { class: "tools" }, button,
      h("button", { class: "owner", title: "Put a subscriber of this ring into the prompt", onclick: () => this.actions.type(`sub[0;${id};\`lap]`) }, "Subscribe…"));
  }

  #toggleWatch(id, button) {
    const on = this.#unwatch === null;
    button.setAttribute("aria-pressed", on);
    this.watch.hidden = !on;
    if (!on) return this.#stop();
    this.watch.replaceChildren(h("li", { class: "muted" }, "waiting for values"));
    this.#unwatch = this.actions.watch(id, (message) => {
      const text = message.kind === 1 ? JSON.stringify(message.value) : `${message.bytes?.length ?? 0} characters of base64, kind ${message.kind}`;
      if (this.watch.firstElementChild?.className === "muted") this.watch.replaceChildren();
      this.watch.prepend(h("li", {}, text.length > 300 ? `${text.slice(0, 300)}…` : text));
      while (this.watch.childElementCount > VALUES_MAX) this.watch.lastElementChild.remove();
    }, (reason) => this.watch.prepend(h("li", { class: "muted" }, reason)));
  }

  update() {
    const now = this.store.latest;
    if (!this.#shown || !now) return;
    const { kind, id } = this.#shown;
    const item = { task: now.tasks, ring: now.rings, selector: now.selectors }[kind].get(id);
    if (!item) {
      setText(this.title, `${{ task: "Task", ring: "Ring", selector: "Selector" }[kind]} ${id} is gone`);
      return;
    }
    if (kind === "task") this.#task(now, item);
    else if (kind === "ring") this.#ring(now, item);
    else this.#selector(now, item);
  }

  /** A button that opens something else. */
  #link(kind, id, text) {
    return h("button", { class: "link", onclick: () => this.actions.open(kind, id) }, text);
  }

  /** Who holds an end of a ring. */
  #holder(now, end) {
    if (now.tasks.has(end.task)) return this.#link("task", end.task, now.tasks.get(end.task).name);
    if (now.selectors.has(end.selector)) return this.#link("selector", end.selector, end.name);
    return end.task === null ? "nobody" : `task ${end.task}`;
  }

  #task(now, task) {
    setText(this.title, `${task.name}`);
    const gone = task.state === "ended";
    byId("task-tools").hidden = gone;
    byId("rollback").hidden = !task.version;
    // Of one that was started again: how it ended before.
    const error = task.exit && task.exit !== "done" ? task.exit : task.last || "";
    const moved = task.version ? [["Version", `${task.version} · upgraded ${times(task.upgrades)} · moved ${times(task.moves)}${task.pinned ? ", pinned" : ""}`]] : [];
    const ends = [...now.rings.values()].filter((end) => end.task === task.task);
    const parent = now.tasks.get(task.parent);
    this.body.replaceChildren(
      facts([
        ["Task", `${task.task} on core ${task.core}`],
        ["State", [h("i", { class: `dot ${task.state}`, "aria-hidden": "true" }), task.state, task.reason ? `: ${task.reason}` : ""]],
        ["CPU", `${percent(task.share)} · ${span(task.cpu_ms / 1000)} in all`],
        ["Turns", `${short(task.turnRate)}/s · ${short(Number(task.turns))} in all, ${short(Number(task.preempted))} preempted`],
        ["Weight", String(task.weight)],
        ["Memory", bytes(Number(task.memory))],
        ...moved,
        ["Restarts", String(task.restarts ?? 0)],
        ["Spawned by", task.parent === null ? "the kernel" : parent ? `${parent.name} (${task.parent})` : `task ${task.parent}`],
        ["Supervised by", this.#supervisor(now, task)],
        ["Last error", error ? h("pre", { class: "fault" }, error) : gone ? "none: done" : "none"],
      ]),
      ends.length ? h("h3", {}, "Ends of rings") : "",
      h("ul", { class: "ends" }, ends.map((end) => h("li", {},
        this.#link("ring", end.ring, end.name || `${end.id}`),
        ` ${end.isRing ? "publishes" : end.kind} · ${bytes(end.rate)}/s · lag ${bytes(end.lag)}${end.missed ? ` · missed ${bytes(end.missed)}` : ""}`))));
  }

  #supervisor(now, task) {
    if (task.supervisor === null || task.supervisor === undefined) return "nobody";
    const name = now.tasks.get(task.supervisor)?.name;
    return name ? this.#link("task", task.supervisor, name) : `task ${task.supervisor}`;
  }

  #ring(now, ring) {
    setText(this.title, ringLabel(now, ring));
    this.body.replaceChildren(
      facts([
        ["Ring", `${ring.id}${ring.core === null ? "" : ` on core ${ring.core}`}${ring.kind === "closed" ? ", closed" : ""}`],
        ["Publisher", ring.name === "stats" && ring.task === null ? "the kernel" : this.#holder(now, ring)],
        ["Size", bytes(ring.capacity)],
        ["Flow", `${bytes(ring.rate)}/s · ${short(ring.commitRate)} messages/s`],
        ["Published", bytes(ring.position)],
        ["Fill", `${percent(ring.fill)} · lag ${bytes(ring.lag)}`],
      ]),
      h("h3", {}, `Subscribers (${ring.readers.length})`),
      h("ul", { class: "ends" }, ring.readers.map((end) => h("li", {}, this.#holder(now, end),
        ` ${end.kind} · core ${end.core ?? "–"} · lag ${bytes(end.lag)} (${percent(end.fill)})${end.missed ? ` · missed ${bytes(end.missed)}` : ""}`))));
  }

  #selector(now, one) {
    setText(this.title, one.at);
    const ring = (id) => (now.rings.has(id) ? this.#link("ring", id, ringLabel(now, now.rings.get(id))) : "none");
    const connections = ["read", "append", "follow", "timer"].includes(one.kind) ? [] : [
      ["Connections", `${one.connections} open · ${short(Number(one.opened))} in all`],
      ["Ended by limits", String(one.limited)],
    ];
    this.body.replaceChildren(facts([
      ["Selector", `${one.selector} on core ${one.core}, ${one.kind}`],
      ...connections,
      ["In", `${bytes(one.inRate)}/s · ${bytes(Number(one.in_bytes))} in all`],
      ["Out", `${bytes(one.outRate)}/s · ${bytes(Number(one.out_bytes))} in all`],
      ["Queued", bytes(Number(one.queued))],
      ["Ignored", `${one.ignored} frames`],
      ["To tasks", ring(one.input)],
      ["From tasks", ring(one.output)],
    ]));
  }
}
