// Colours for O: strings, symbols, numbers, comments, verbs and adverbs. What it shows is a guess of
// the lexer's; nothing depends on it.

import { h } from "./dom.js";

const TOKENS = new RegExp([
  ["comment", String.raw`(?:^|(?<=\s))/[^\n]*`],
  ["string", String.raw`"(?:\\[^]|[^"\\])*"?`],
  ["symbol", "`(?:\"(?:\\\\[^]|[^\"\\\\])*\"|[A-Za-z0-9._]*)"],
  ["number", String.raw`(?:\b|(?<![A-Za-z0-9)\]}"])-)(?:0[nNwW]|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)`],
  ["name", "[A-Za-z][A-Za-z0-9.]*"],
  ["adverb", String.raw`[/\\']:?`],
  ["verb", String.raw`[-+*%&|<>=~!,^#_$?@.:]+`],
].map(([name, pattern]) => `(?<${name}>${pattern})`).join("|"), "gm");

export function highlight(text) {
  const code = h("code", {});
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    if (match.index > end) code.append(text.slice(end, match.index));
    const [kind] = Object.entries(match.groups).find(([, found]) => found !== undefined);
    code.append(kind === "name" ? match[0] : h("span", { class: `o-${kind}` }, match[0]));
    end = match.index + match[0].length;
  }
  code.append(text.slice(end));
  return code;
}
