// The frames of the statistics' ring, as rates over time.

import { num } from "./dom.js";

/** Samples that are kept: ten minutes at four a second. */
const SAMPLES_MAX = 2400;

/** A frame with shares and rates since the one before. */
function digest(frame, before) {
  const time = num(frame.time_ns) / 1e9;
  const passed = before ? time - before.time : 0;
  const rate = (now, then) => (passed > 0 ? Math.max(0, num(now) - num(then)) / passed : 0);
  const old = (list, key, id) => before?.[list].get(id)?.[key] ?? null;
  const since = (list, key, id, now) => {
    const then = old(list, key, id);
    return then === null ? 0 : rate(now, then);
  };
  const cores = new Map(), tasks = new Map(), rings = new Map(), selectors = new Map();
  for (const core of frame.cores) {
    const share = (key) => Math.min(1, since("cores", key, core.core, core[key]) / 1000);
    cores.set(core.core, {
      ...core, bus: share("bus_ms"), io: share("io_ms"), work: share("tasks_ms"),
      rate: since("cores", "messages", core.core, core.messages),
      turnRate: since("cores", "turns", core.core, core.turns),
    });
  }
  for (const task of frame.tasks)
    tasks.set(task.task, {
      ...task, share: Math.min(1, since("tasks", "cpu_ms", task.task, task.cpu_ms) / 1000),
      turnRate: since("tasks", "turns", task.task, task.turns),
    });
  for (const end of frame.rings) {
    const capacity = num(end.capacity);
    rings.set(end.id, {
      ...end, capacity, lag: num(end.lag), position: num(end.position), missed: num(end.missed),
      commits: num(end.commits), isRing: end.id === end.ring,
      fill: capacity > 0 ? Math.min(1, num(end.lag) / capacity) : 0,
      rate: since("rings", "position", end.id, end.position),
      commitRate: since("rings", "commits", end.id, end.commits), readers: [],
    });
  }
  for (const end of rings.values()) if (!end.isRing) rings.get(end.ring)?.readers.push(end);
  for (const one of frame.selectors ?? []) {
    const input = rings.get(one.in)?.ring ?? null, output = rings.get(one.out)?.ring ?? null;
    const reader = rings.get(output)?.readers.find((end) => end.task === null && end.name === one.at);
    selectors.set(one.selector, {
      ...one, input, output, reader: reader?.id ?? null,
      inRate: since("selectors", "in_bytes", one.selector, one.in_bytes),
      outRate: since("selectors", "out_bytes", one.selector, one.out_bytes),
    });
    // Its own ends of its rings are held by no task.
    for (const end of [rings.get(input), reader]) if (end) end.selector = one.selector;
  }
  return { time, passed, frame, cores, tasks, rings, selectors, modules: frame.modules ?? [] };
}

export class Store extends EventTarget {
  latest = null;
  samples = [];

  take(frame) {
    if (this.latest && num(frame.time_ns) / 1e9 <= this.latest.time) this.reset();
    const now = digest(frame, this.latest);
    const first = this.latest === null;
    this.latest = now;
    if (!first) this.#keep(now);
    this.dispatchEvent(new Event("frame"));
  }

  /** The kernel is another one: its figures begin anew. */
  reset() {
    this.latest = null;
    this.samples = [];
  }

  #keep(now) {
    const total = (key) => [...now.cores.values()].reduce((sum, core) => sum + core[key], 0);
    const busy = (map, of) => new Map([...map.values()].filter(of[0]).map((x) => [x.task ?? x.id, of[1](x)]));
    this.samples.push({
      time: now.time,
      bus: total("bus"), io: total("io"), work: total("work"), messages: total("rate"),
      tasks: busy(now.tasks, [(task) => task.share > 0.0005, (task) => task.share]),
      rings: new Map([...now.rings.values()].filter((ring) => ring.isRing)
        .map((ring) => [ring.id, { rate: ring.rate, commits: ring.commitRate, fill: ring.fill, lag: ring.lag }])),
    });
    if (this.samples.length > SAMPLES_MAX) this.samples.splice(0, this.samples.length - SAMPLES_MAX);
  }
}

/** What a ring is called: the name of its publisher's grant and the task that holds it. */
export function ringLabel(now, ring) {
  const task = now.tasks.get(ring.task);
  const name = ring.name || "";
  if (task) return name ? `${task.name}.${name}` : `${task.name} → ${ring.id}`;
  return name || `ring ${ring.id}`;
}
