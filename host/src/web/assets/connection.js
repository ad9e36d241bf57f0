// The connection to the kernel: protocol 1 (docs/protocol.md), reconnecting with back-off.

const DELAY_MS_MIN = 400;
const DELAY_MS_MAX = 15000;
const VERSION = 1;

/** Events: `state` (detail: text), `hello`, `ready`, `output`, `names`, `ended`, `problem`. */
export class Connection extends EventTarget {
  #socket = null;
  #next = 1;
  #waiting = new Map();
  #subscriptions = new Map();
  #delay = DELAY_MS_MIN;
  #timer = 0;
  #ready = false;
  /** Whether the console's session is shared. */
  #joined = false;

  constructor(url) {
    super();
    this.url = url;
    addEventListener("online", () => this.#soon());
    document.addEventListener("visibilitychange", () => document.hidden || this.#soon());
  }

  get ready() {
    return this.#ready;
  }

  connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#tell("state", { state: "connecting" });
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.addEventListener("message", (event) => this.#receive(event.data));
    socket.addEventListener("close", (event) => this.#closed(socket, event));
  }

  /** Changes to the console's session, or to one of its own: a new connection. */
  join(joined) {
    this.#joined = joined;
    this.#delay = 0;
    this.#socket?.close();
  }

  /** Evaluates a text; answers the `result` or `error` message. */
  evaluate(text, format = "text") {
    return this.#request({ type: "eval", text, format });
  }

  interrupt() {
    if (this.#ready) this.#send({ type: "interrupt" });
  }

  /** Calls `onData` for each frame of a ring until the answered function is called. */
  subscribe(ring, options, onData, onEnd = () => {}) {
    const id = this.#next++;
    this.#subscriptions.set(id, { ring, options, onData, onEnd });
    if (this.#ready) this.#send({ type: "subscribe", id, ring, ...options });
    return () => {
      if (this.#subscriptions.delete(id) && this.#ready) this.#send({ type: "unsubscribe", id });
    };
  }

  #request(message) {
    if (!this.#ready) return Promise.reject(new Error("not connected"));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ ...message, id });
    });
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #receive(data) {
    if (typeof data !== "string") return;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return this.#tell("problem", { text: "the server sent what is no JSON" });
    }
    switch (message.type) {
      case "hello":
        this.#tell("hello", message);
        return this.#send({ type: "hello", version: VERSION, join: this.#joined || message.role === "viewer" });
      case "ready": {
        this.#ready = true;
        this.#delay = DELAY_MS_MIN;
        this.#tell("ready", message);
        this.#tell("state", { state: "open" });
        for (const [id, { ring, options }] of this.#subscriptions)
          this.#send({ type: "subscribe", id, ring, ...options });
        return;
      }
      case "data":
        return this.#subscriptions.get(message.id)?.onData(message);
      case "end": {
        const ended = this.#subscriptions.get(message.id);
        this.#subscriptions.delete(message.id);
        return ended?.onEnd(message.reason);
      }
      case "result":
      case "error": {
        const waiting = this.#waiting.get(message.id);
        if (waiting) {
          this.#waiting.delete(message.id);
          return waiting.resolve(message);
        }
        const refused = this.#subscriptions.get(message.id);
        if (refused) {
          this.#subscriptions.delete(message.id);
          return refused.onEnd(message.message);
        }
        return this.#tell("problem", { text: message.message });
      }
      default:
        this.#tell(message.type, message);
    }
  }

  #closed(socket, event) {
    if (socket !== this.#socket) return;
    const opened = this.#ready;
    this.#ready = false;
    for (const { reject } of this.#waiting.values()) reject(new Error("the connection was lost"));
    this.#waiting.clear();
    const delay = this.#delay * (0.75 + Math.random() / 2);
    this.#delay = Math.min(Math.max(this.#delay, DELAY_MS_MIN) * 1.8, DELAY_MS_MAX);
    this.#tell("state", { state: "closed", opened, code: event.code, reason: event.reason, delay });
    this.#timer = setTimeout(() => this.connect(), delay);
  }

  /** There is reason to believe that the next attempt goes well. */
  #soon() {
    if (!this.#timer) return;
    this.#delay = DELAY_MS_MIN;
    this.connect();
  }
}
