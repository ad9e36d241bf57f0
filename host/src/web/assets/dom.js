// Making elements, and showing figures.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** Sets a text only when it has changed: selections in it survive. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Integers beyond 2^53 and infinities travel as strings. */
export const num = (value) => (value === null || value === undefined ? 0 : Number(value));

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(count) {
  let at = 0;
  while (count >= 1024 && at < SIZES.length - 1) {
    count /= 1024;
    at += 1;
  }
  return `${count >= 100 || at === 0 ? Math.round(count) : count.toFixed(1)} ${SIZES[at]}`;
}

const SCALES = ["", "k", "M", "G", "T"];

export function short(count) {
  let at = 0;
  while (Math.abs(count) >= 1000 && at < SCALES.length - 1) {
    count /= 1000;
    at += 1;
  }
  const digits = at === 0 && Number.isInteger(count) ? 0 : Math.abs(count) >= 100 ? 0 : 1;
  return `${count.toFixed(digits)}${SCALES[at]}`;
}

export const percent = (share) => `${share >= 0.0995 ? Math.round(share * 100) : (share * 100).toFixed(1)} %`;

export function span(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const [m, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  if (m < 60) return `${m} min ${rest} s`;
  return m < 1440 ? `${Math.floor(m / 60)} h ${m % 60} min` : `${Math.floor(m / 1440)} d ${Math.floor(m / 60) % 24} h`;
}
