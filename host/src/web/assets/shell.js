// The shell: a log, a prompt with history and completion, errors with their place.

import { byId, h, setText, span } from "./dom.js";
import { highlight } from "./highlight.js";
import { History } from "./history.js";

const ENTRIES_MAX = 1000;
const PROMPT = "o)", CONTINUED = "..";

export class Shell extends EventTarget {
  #connection;
  #names = [];
  #history = new History();
  #continued = false;
  #busy = 0;
  #since = 0;
  #clock = 0;

  constructor(connection) {
    super();
    this.#connection = connection;
    this.log = byId("log");
    this.input = byId("input");
    byId("prompt").addEventListener("submit", (event) => event.preventDefault());
    byId("clear").addEventListener("click", () => this.log.replaceChildren());
    byId("interrupt").addEventListener("click", () => connection.interrupt());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("input", () => this.#grow());
    connection.addEventListener("names", ({ detail }) => (this.#names = detail.names));
    connection.addEventListener("output", ({ detail }) => this.print(detail.text, detail.stream));
    connection.addEventListener("problem", ({ detail }) => this.note(detail.text));
    connection.addEventListener("ended", ({ detail }) => this.note(`the session has ended: ${detail.reason}`));
    connection.addEventListener("ready", () => this.#prompt(false));
  }

  /** Evaluates a text as if it had been typed; answers whether it went well. */
  async run(text) {
    const echo = h("div", { class: "entry input" }, h("span", { class: "mark", "aria-hidden": "true" }, this.#continued ? CONTINUED : PROMPT), " ", highlight(text));
    const group = this.#add("group", echo);
    this.#begin();
    try {
      const answer = await this.#connection.evaluate(text);
      if (answer.type === "error") {
        this.#prompt(false);
        this.#error(answer, echo, group);
        return false;
      }
      this.#prompt(answer.status === "incomplete");
      if (answer.text) this.#answer(group, h("div", { class: /\n./.test(answer.text) ? "entry result rows" : "entry result" }, answer.text));
      return answer.status !== "failed";
    } catch (error) {
      this.#prompt(false);
      this.note(`${error.message}: it is not known whether this was evaluated`);
      return false;
    } finally {
      this.#end();
    }
  }

  /** Puts a text into the prompt without evaluating it. */
  offer(text) {
    this.input.setRangeText(text, this.input.selectionStart, this.input.selectionEnd, "end");
    this.#grow();
    this.input.focus();
  }

  print(text, stream) {
    const last = this.log.lastElementChild;
    if (last?.dataset.stream === stream && last.textContent.length < 8192) {
      last.append(text);
      this.#follow();
      return;
    }
    this.#add(`entry ${stream}`, text).dataset.stream = stream;
  }

  note(text) {
    this.#add("entry note", text);
  }

  /** An answer stands below its input, whatever has been printed meanwhile. */
  #answer(group, entry) {
    const follows = this.#atEnd();
    group.append(entry);
    if (follows) this.#toEnd();
  }

  #error(error, echo, group) {
    const at = error.line && error.source !== undefined;
    const shown = at ? [...error.source] : [];
    const column = Math.max(1, error.column ?? 1);
    const place = at && (error.origin || error.line > 1) ? `${error.origin || "line"}${error.origin ? ":" : " "}${error.line}` : "";
    echo.classList.add("failed");
    this.#answer(group, h("div", { class: "entry error" },
      h("p", {}, h("b", { class: "class" }, error.class ?? "error"), " ", error.message, place && h("span", { class: "muted" }, `  ${place}`)),
      at && h("pre", { class: "source" },
        shown.slice(0, column - 1).join(""),
        h("mark", {}, shown[column - 1] ?? " "),
        shown.slice(column).join(""),
        "\n", " ".repeat(column - 1), h("span", { class: "caret" }, "^")),
      error.stack?.length ? h("details", {}, h("summary", {}, `${error.stack.length} calls`),
        h("ol", {}, error.stack.map((call) => h("li", {}, `${call.name || "{..}"}${call.line ? `  ${call.origin || "line"} ${call.line}:${call.column}` : ""}`)))) : ""));
  }

  #add(name, ...children) {
    const follows = this.#atEnd();
    const entry = h("div", { class: name }, ...children.filter((child) => child !== false && child !== ""));
    this.log.append(entry);
    while (this.log.childElementCount > ENTRIES_MAX) this.log.firstElementChild.remove();
    if (follows) this.#toEnd();
    return entry;
  }

  #atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
  }

  #toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  #follow() {
    requestAnimationFrame(() => this.#toEnd());
  }

  #prompt(continued) {
    this.#continued = continued;
    setText(byId("mark"), continued ? CONTINUED : PROMPT);
  }

  #begin() {
    this.#busy += 1;
    this.#since = performance.now();
    clearInterval(this.#clock);
    this.#clock = setInterval(() => {
      const passed = (performance.now() - this.#since) / 1000;
      const button = byId("interrupt");
      button.hidden = passed < 0.3;
      setText(button, `Interrupt · ${span(passed)}`);
    }, 100);
  }

  #end() {
    this.#busy -= 1;
    if (this.#busy > 0) return;
    clearInterval(this.#clock);
    byId("interrupt").hidden = true;
  }

  #grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 220)}px`;
    byId("offers").hidden = true;
  }

  #submit() {
    const text = this.input.value;
    if (!text.trim() && !this.#continued) return;
    this.#history.add(text);
    this.input.value = "";
    this.#grow();
    this.#toEnd();
    this.run(text);
  }

  #recall(text) {
    if (text === null) return;
    this.input.value = text;
    this.#grow();
    this.input.setSelectionRange(text.length, text.length);
  }

  #key(event) {
    const { input } = this;
    const before = input.value.slice(0, input.selectionStart);
    const after = input.value.slice(input.selectionEnd);
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
    if (event.isComposing) return;
    if (event.key === "Enter" && plain) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && plain && !before.includes("\n")) {
      event.preventDefault();
      this.#recall(this.#history.back(input.value));
    } else if (event.key === "ArrowDown" && plain && !after.includes("\n")) {
      event.preventDefault();
      this.#recall(this.#history.forward());
    } else if (event.key === "Tab" && plain && this.#complete(before)) {
      event.preventDefault();
    } else if (event.key === "Escape") {
      if (byId("offers").hidden) input.blur();
      byId("offers").hidden = true;
      event.stopPropagation();
    } else if (event.key === "c" && event.ctrlKey && input.selectionStart === input.selectionEnd) {
      event.preventDefault();
      if (this.#busy) this.#connection.interrupt();
      else this.#recall("");
    } else if (event.key === "l" && event.ctrlKey) {
      event.preventDefault();
      this.log.replaceChildren();
    }
  }

  /** Completes the name before the cursor; false when there is nothing to complete. */
  #complete(before) {
    const word = before.match(/[A-Za-z][A-Za-z0-9.]*$/)?.[0];
    if (!word) return false;
    const found = this.#names.filter((name) => name.startsWith(word)).sort();
    if (found.length === 0) return false;
    let common = found[0];
    for (const name of found) while (!name.startsWith(common)) common = common.slice(0, -1);
    if (common.length > word.length) this.offer(common.slice(word.length));
    const list = byId("offers");
    list.hidden = found.length === 1;
    list.replaceChildren(...found.slice(0, 60).map((name) => h("li", {
      role: "option",
      onmousedown: (event) => {
        event.preventDefault();
        this.offer(name.slice(common.length));
      },
    }, name)));
    return true;
  }
}
