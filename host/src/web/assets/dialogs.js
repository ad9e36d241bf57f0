// Dialogs: a question, the keys, a task to spawn, a module to load, a selector to open.

import { byId, h } from "./dom.js";

function show(title, content, buttons) {
  const dialog = byId("dialog");
  const form = h("form", { method: "dialog" }, h("h2", { id: "dialog-title" }, title), content, h("menu", {}, buttons));
  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.replaceChildren(form);
  dialog.returnValue = "";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
    dialog.showModal();
  });
}

/** No submit button: Enter in a field takes the first of these. */
const cancel = () => h("button", { type: "button", onclick: () => byId("dialog").close() }, "Cancel");

export async function confirm(question, action) {
  return (await show(question, [], [cancel(), h("button", { value: "yes", class: "danger", autofocus: true }, action)])) === "yes";
}

const field = (label, control, hint) => h("label", { class: "field" }, h("span", {}, label), control, hint && h("small", { class: "muted" }, hint));

/** Asks what to spawn; answers the O expression, or null. */
export async function spawn(now, quote) {
  const code = h("option", { value: "" }, "O code");
  const what = h("select", { name: "what" }, now.modules.map((name) => h("option", { value: name }, name)), code);
  const source = h("textarea", { name: "code", rows: 3, spellcheck: "false", placeholder: "{snd[out;x*x];o rcv in} rcv in" });
  const core = h("select", { name: "core" }, [...now.cores.keys()].map((id) => h("option", { value: id }, `core ${id}`)));
  const grants = h("input", { name: "grants", spellcheck: "false", autocomplete: "off", placeholder: "in:sub[1;0]; out:1; console:`console" });
  const codeField = field("Code", source);
  const sync = () => (codeField.hidden = what.value !== "");
  what.addEventListener("change", sync);
  sync();
  const answer = await show("Spawn a task", [field("What", what), codeField, field("Where", core),
    field("Grants", grants, "names and what they stand for; empty: the console")], [cancel(), h("button", { value: "yes", class: "main" }, "Spawn")]);
  if (answer !== "yes") return null;
  const program = what.value ? `\`${quote(what.value)}` : `"${quote(source.value, "text")}"`;
  const rights = grants.value.trim();
  return `spawn[${core.value};${program}${rights ? `;[${rights}]` : ""}]`;
}

/** Asks what to load; answers the O expression, or null. */
export async function load(quote) {
  const name = h("input", { name: "name", required: true, pattern: "[A-Za-z][A-Za-z0-9]*", autocomplete: "off", placeholder: "mine", title: "letters and digits, a letter first" });
  const path = h("input", { name: "path", required: true, autocomplete: "off", placeholder: "/home/me/mine.wasm" });
  const answer = await show("Load a module", [field("Name", name), field("File", path, "a path on the kernel's machine")],
    [cancel(), h("button", { value: "yes", class: "main" }, "Load")]);
  return answer === "yes" ? `load[\`${quote(name.value)};"${quote(path.value, "text")}"]` : null;
}

/** Asks for a socket, a file or a timer; answers the O expression, or null. */
export async function select(now, quote) {
  const at = h("input", { name: "at", required: true, pattern: "[a-z+]+://.+", autocomplete: "off", spellcheck: "false", placeholder: "tcp://127.0.0.1:9000", title: "an address such as tcp://127.0.0.1:9000" });
  const core = h("select", { name: "core" }, [...now.cores.keys()].map((id) => h("option", { value: id }, `core ${id}`)));
  const name = h("input", { name: "name", pattern: "[A-Za-z][A-Za-z0-9]*", autocomplete: "off", spellcheck: "false", placeholder: "n", title: "letters and digits, a letter first" });
  const answer = await show("Open a socket, a file or a timer", [
    field("Address", at, "tcp:// ws:// tcp+connect:// file:// timer://"), field("Where", core),
    field("Name", name, "its two rings are n`in and n`out then, to be granted to a task")],
  [cancel(), h("button", { value: "yes", class: "main" }, "Open")]);
  if (answer !== "yes") return null;
  return `${name.value ? `${name.value}:` : ""}select[${core.value};"${quote(at.value, "text")}"]${name.value ? `;${name.value}` : ""}`;
}

const KEYS = [
  ["1 … 5", "shell, map, plots, tasks, rings"],
  ["s or /", "to the prompt; Esc leaves it"],
  ["arrows, Enter", "go through the map and the tables, open; Esc closes"],
  ["k", "kill the opened task"],
  ["n, l, o", "spawn a task, load a module, open a socket or file"],
  ["j", "share the console's session, or have one of your own"],
  ["p", "hold plots and tables still"],
  ["t", "theme: as the system, dark, light"],
  ["?", "this"],
];
const PROMPT_KEYS = [
  ["Enter", "evaluate"],
  ["Shift+Enter", "new line"],
  ["↑ ↓", "inputs of before"],
  ["Tab", "complete a name"],
  ["Ctrl+C", "interrupt; empty the prompt"],
  ["Ctrl+L", "empty the screen"],
];

const keys = (list) => h("dl", { class: "keys" }, list.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]));

export function help() {
  return show("Keys", [h("h3", {}, "Everywhere"), keys(KEYS), h("h3", {}, "In the prompt"), keys(PROMPT_KEYS),
    h("p", { class: "muted" }, "\\h in the shell tells about the language.")], [h("button", { value: "", class: "main", autofocus: true }, "Close")]);
}
