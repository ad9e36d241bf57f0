// Where things lie on the map: cores side by side, in each its tasks and selectors on the left and its rings on
// the right.

import { ringLabel } from "./store.js";

const CORE_WIDTH_MIN = 330;
const GAP = 22, PAD = 12, HEAD = 40, ROW = 38;
const TASKS_MAX = 14, RINGS_MAX = 24, SELECTORS_MAX = 8;

/** A task counts more when it holds ends of rings, then when it computes. */
function chosenTasks(now, core) {
  const holders = new Set([...now.rings.values()].map((end) => end.task));
  const here = [...now.tasks.values()].filter((task) => task.core === core && task.state !== "ended");
  const rank = (task) => (holders.has(task.task) ? 2 : 0) + Math.min(1, task.share);
  const chosen = here.length > TASKS_MAX ? [...here].sort((a, b) => rank(b) - rank(a) || a.task - b.task).slice(0, TASKS_MAX) : here;
  return { tasks: chosen.sort((a, b) => a.task - b.task), more: here.length - chosen.length };
}

/** Places of everything for a map of this width: `{ width, height, cores, tasks, selectors, rings, edges }`. */
export function layout(now, width) {
  const ids = [...now.cores.keys()];
  const perRow = Math.max(1, Math.min(ids.length, Math.floor((width + GAP) / (CORE_WIDTH_MIN + GAP))));
  const coreWidth = (width - GAP * (perRow - 1)) / perRow;
  const cores = [], tasks = new Map(), selectors = new Map(), rings = new Map();
  // A ring whose publisher has gone lies on the core of its first subscriber.
  const homeOf = (ring) => ring.core ?? ring.readers[0]?.core ?? 0;
  let y = 0;
  for (let first = 0; first < ids.length; first += perRow) {
    let tallest = 0;
    const row = ids.slice(first, first + perRow).map((id, column) => {
      const { tasks: here, more } = chosenTasks(now, id);
      const ringsHere = [...now.rings.values()].filter((end) => end.isRing && homeOf(end) === id).slice(0, RINGS_MAX);
      const outside = [...now.selectors.values()].filter((one) => one.core === id).slice(0, SELECTORS_MAX);
      const rows = Math.max(1, outside.length + here.length + (more ? 1 : 0), ringsHere.length);
      tallest = Math.max(tallest, HEAD + rows * ROW + PAD);
      return { id, x: column * (coreWidth + GAP), y, width: coreWidth, outside, here, more, ringsHere };
    });
    for (const core of row) {
      core.height = tallest;
      const taskWidth = coreWidth * 0.45 - PAD, ringWidth = coreWidth * 0.36 - PAD;
      const left = (at) => ({ x: core.x + PAD, y: y + HEAD + at * ROW, width: taskWidth, height: ROW - 8, core: core.id });
      core.outside.forEach((one, at) => selectors.set(one.selector, { id: one.selector, ...left(at) }));
      core.here.forEach((task, at) => tasks.set(task.task, { id: task.task, ...left(core.outside.length + at) }));
      core.ringsHere.forEach((ring, at) => rings.set(ring.id, { id: ring.id, label: ringLabel(now, ring), x: core.x + coreWidth - PAD - ringWidth, y: y + HEAD + at * ROW, width: ringWidth, height: ROW - 8, core: core.id }));
      core.moreY = y + HEAD + (core.outside.length + core.here.length) * ROW;
      cores.push(core);
    }
    y += tallest + GAP;
  }
  return { width, height: Math.max(80, y - GAP), cores, tasks, selectors, rings, edges: edges(now, tasks, selectors, rings) };
}

function edges(now, tasks, selectors, rings) {
  const found = [];
  const holder = (end) => tasks.get(end.task) ?? selectors.get(end.selector);
  for (const ring of now.rings.values()) {
    const place = rings.get(ring.id);
    if (!ring.isRing || !place) continue;
    const edge = (kind, end, path) => ({ key: `${kind} ${end.id}`, kind, ring: ring.id, end: end.id, task: end.task, selector: end.selector, path });
    const from = holder(ring);
    if (from) found.push(edge("publish", ring, toRing(from, place)));
    for (const reader of ring.readers) {
      const to = holder(reader);
      if (to) found.push(edge("subscribe", reader, toTask(place, to)));
    }
  }
  return found;
}

const middle = (box) => box.y + box.height / 2;

function toRing(task, ring) {
  const [x1, y1, x2, y2] = [task.x + task.width, middle(task) - 4, ring.x, middle(ring) - 4];
  const bend = Math.max(20, Math.abs(x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 5} ${y2}`;
}

/** Within a core back through the gutter; to a core on the right along the ring's right side. */
function toTask(ring, task) {
  const y1 = middle(ring) + 5, y2 = middle(task) + 5;
  if (task.x > ring.x) {
    const [x1, x2] = [ring.x + ring.width, task.x];
    const bend = Math.max(24, (x2 - x1) / 2);
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 5} ${y2}`;
  }
  const [x1, x2] = [ring.x, task.x + task.width];
  const bend = Math.max(20, Math.min(140, (x1 - x2) / 2));
  return `M${x1} ${y1}C${x1 - bend} ${y1} ${x2 + bend} ${y2} ${x2 + 5} ${y2}`;
}
