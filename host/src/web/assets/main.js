// The console: wires the connection, the store and the views, and knows the keys.

import { Connection } from "./connection.js";
import { Details } from "./details.js";
import * as dialogs from "./dialogs.js";
import { byId, h, num, percent, setText, span } from "./dom.js";
import { KernelMap } from "./map.js";
import { Plots } from "./plots.js";
import { Shell } from "./shell.js";
import { Store } from "./store.js";
import { RINGS, TASKS, Table } from "./tables.js";

/** Statistics come up to so many times a second. */
const RATE = 10;

const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
const store = new Store();
const shell = new Shell(connection);
const { body } = document;
let paused = false;

/** A name or a text as it is written in O. */
const quote = (text, as) => (as === "text" ? text.replace(/["\\]/g, "\\$&").replace(/\n/g, "\\n") : text.replace(/[^A-Za-z0-9._]/g, ""));

const isNarrow = () => matchMedia("(max-width: 899px)").matches;
const isOwner = () => body.dataset.role === "owner";

async function act(expression) {
  if (expression === null || !isOwner()) return;
  const well = await shell.run(expression);
  if (!well) view("shell");
}

const actions = {
  open,
  type: (text) => { view("shell"); shell.offer(text); },
  weight: (id, weight) => act(`qos[\`task;${id};${weight}]`),
  async kill(id) {
    const name = store.latest?.tasks.get(id)?.name ?? "";
    if (isOwner() && await dialogs.confirm(`Kill task ${id}, ${name}?`, "Kill")) await act(`kill ${id}`);
  },
  move: (id, core) => act(`move[${id};${core}]`),
  ask(expression) {
    view("shell");
    if (isNarrow()) details.close();
    act(expression);
  },
  async rollback(id) {
    const name = quote(store.latest?.tasks.get(id)?.name ?? "");
    if (isOwner() && await dialogs.confirm(`Go back to the version of ${name} before this one, for all of its tasks?`, "Roll back")) await act(`rollback\`${name}`);
  },
  async drop(id) {
    const at = store.latest?.selectors.get(id)?.at ?? "";
    if (isOwner() && await dialogs.confirm(`Drop ${at} with all of its connections?`, "Drop")) await act(`drop ${id}`);
  },
  watch: (ring, onData, onEnd) => connection.subscribe(ring, { rate: 5 }, onData, onEnd),
};

const details = new Details(store, actions);
const map = new KernelMap(store, open);
const plots = new Plots(store);
const tasks = new Table(byId("tasks"), TASKS, "Tasks", (id) => open("task", id));
const rings = new Table(byId("rings"), RINGS, "Rings", (id) => open("ring", id));

function open(kind, id) {
  details.open(kind, id);
  refresh();
}

function view(name) {
  body.dataset.view = name;
  for (const button of document.querySelectorAll("nav.views button")) button.setAttribute("aria-current", button.dataset.view === name);
  const panel = document.querySelector(`[data-panel="${name}"]`);
  if (name === "shell" && isOwner() && matchMedia("(hover: hover)").matches) byId("input").focus();
  else panel.focus({ preventScroll: false });
  refresh();
}

let asked = false;

/** Draws at most once for each frame of the screen. */
function refresh() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
  });
}

function draw() {
  const now = store.latest;
  if (!now) return;
  if (!paused) {
    const shown = details.shown;
    map.update(shown);
    plots.update();
    tasks.update(now, shown?.kind === "task" ? shown.id : null);
    rings.update(now, shown?.kind === "ring" ? shown.id : null);
    details.update();
  }
  const { frame } = now;
  const note = (shown, all, what) => (all > shown ? `the ${shown} busiest of ${all}` : `${all} ${what}`);
  setText(byId("tasks-note"), note([...now.tasks.values()].filter((task) => task.state !== "ended").length, num(frame.tasks_count), "alive"));
  setText(byId("rings-note"), note([...now.rings.values()].filter((end) => end.isRing).length, num(frame.rings_count), "open"));
  const busy = [...now.cores.values()].reduce((sum, core) => sum + core.bus + core.io + core.work, 0);
  const facts = { up: span(Math.floor(now.time)), cores: String(now.cores.size), busy: percent(busy / Math.max(1, now.cores.size)), tasks: String(frame.tasks_count), rings: String(frame.rings_count) };
  const list = byId("facts");
  if (!list.childElementCount) list.append(...Object.keys(facts).map((name) => h("div", {}, h("dt", {}, name), h("dd", {}))));
  Object.values(facts).forEach((text, at) => setText(list.children[at].lastElementChild, text));
}

store.addEventListener("frame", refresh);
byId("details").addEventListener("closed", () => {
  map.update(null);
  refresh();
});

connection.subscribe("stats", { rate: RATE }, (message) => store.take(message.value), (reason) => shell.note(`no statistics: ${reason}`));
connection.addEventListener("hello", ({ detail }) => {
  body.dataset.role = detail.role;
  setText(byId("version"), detail.kernel);
  store.reset();
});
connection.addEventListener("ready", ({ detail }) => {
  const number = detail.session ?? "none";
  setText(byId("session"), detail.joined ? `the console's, ${number}` : `session ${number}`);
  byId("join").dataset.joined = detail.joined;
  setText(byId("join"), detail.joined ? "Own session" : "Join console");
});
connection.addEventListener("state", ({ detail }) => {
  body.dataset.state = detail.state;
  const text = { open: "connected", connecting: "connecting", closed: `lost, again in ${span((detail.delay ?? 0) / 1000)}` }[detail.state];
  setText(byId("status").lastElementChild, text);
  byId("input").disabled = detail.state !== "open";
  if (detail.state === "open") {
    notice("");
    if (body.dataset.view === "shell" && isOwner()) byId("input").focus({ preventScroll: true });
  } else if (detail.state === "closed") {
    if (detail.reason) shell.note(`the connection was closed: ${detail.reason}`);
    explain();
  }
});

function notice(text) {
  byId("notice").hidden = !text;
  setText(byId("notice"), text);
}

/** Why there is no connection: a restarted kernel has another token. */
async function explain() {
  try {
    const answer = await fetch("/", { method: "HEAD", cache: "no-store" });
    notice({
      401: "This kernel wants its token: open the URL that okernel printed at its start.",
      403: "This kernel does not answer to this name: open the URL that okernel printed at its start.",
      429: "Too many wrong tokens came from this address; it must wait a little.",
    }[answer.status] ?? "");
  } catch {
    notice("The kernel does not answer. It is tried again by itself.");
  }
}

function pause() {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", paused);
  setText(byId("pause"), paused ? "Paused" : "Pause");
  refresh();
}

const commands = {
  spawn: async () => isOwner() && store.latest && act(await dialogs.spawn(store.latest, quote)),
  load: async () => isOwner() && act(await dialogs.load(quote)),
  select: async () => isOwner() && store.latest && act(await dialogs.select(store.latest, quote)),
  help: () => dialogs.help(),
  theme: () => globalThis.okernelTheme.next(),
  join: () => isOwner() && connection.join(byId("join").dataset.joined !== "true"),
  pause,
};
for (const [id, command] of Object.entries(commands)) byId(id).addEventListener("click", command);
for (const button of document.querySelectorAll("nav.views button")) button.addEventListener("click", () => view(button.dataset.view));

const VIEWS = { 1: "shell", 2: "map", 3: "plots", 4: "tasks", 5: "rings" };
const KEYS = {
  n: commands.spawn, l: commands.load, o: commands.select, j: commands.join, "?": commands.help, t: commands.theme, p: pause,
  s: () => view("shell"), "/": () => view("shell"), Escape: () => details.shown && details.close(),
  k: () => details.shown?.kind === "task" && actions.kill(details.shown.id),
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  const command = VIEWS[event.key] ? () => view(VIEWS[event.key]) : KEYS[event.key];
  if (!command) return;
  event.preventDefault();
  command();
});

globalThis.okernelTheme.show();
body.dataset.view = isNarrow() ? "shell" : "map";
for (const button of document.querySelectorAll("nav.views button")) button.setAttribute("aria-current", button.dataset.view === body.dataset.view);
connection.connect();
