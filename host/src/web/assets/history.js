// The inputs of this browser, kept between visits.

const KEY = "okernel.history";
const ENTRIES_MAX = 500;
const BYTES_MAX = 4000;

export class History {
  #entries;
  #at;
  #draft = "";

  constructor() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      this.#entries = Array.isArray(kept) ? kept.filter((entry) => typeof entry === "string") : [];
    } catch {
      this.#entries = [];
    }
    this.#at = this.#entries.length;
  }

  add(text) {
    if (text.trim() && text.length <= BYTES_MAX && this.#entries.at(-1) !== text) {
      this.#entries = [...this.#entries, text].slice(-ENTRIES_MAX);
      try {
        localStorage.setItem(KEY, JSON.stringify(this.#entries));
      } catch { /* a private window keeps nothing */ }
    }
    this.#at = this.#entries.length;
  }

  /** The input before the shown one; null when that is the first. */
  back(shown) {
    if (this.#at === 0) return null;
    if (this.#at === this.#entries.length) this.#draft = shown;
    this.#at -= 1;
    return this.#entries[this.#at];
  }

  /** The input after the shown one, at last what was being typed; null when that is shown. */
  forward() {
    if (this.#at >= this.#entries.length) return null;
    this.#at += 1;
    return this.#at === this.#entries.length ? this.#draft : this.#entries[this.#at];
  }
}
