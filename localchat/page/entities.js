/**
 * Formatted text: a string and its entities (offsets in UTF-16 units, as JavaScript counts) to nodes.
 */

import { el } from "./element.js";
import { t } from "./language.js";

const TAGS = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
  pre: "pre",
  blockquote: "blockquote",
  expandable_blockquote: "blockquote",
};

/** These end their own line: the line break after one would show as an empty line. */
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);

/** Web addresses and commands a sender left unmarked; Telegram marks them on the way. */
const UNMARKED =
  /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]}，。；：！？）】])|((?<=^|\s)\/[a-z][a-z0-9_]{0,31}(?:@\w{3,32})?(?![\w/]))/giu;

/**
 * Nodes for a text.
 *
 * @param {string} text
 * @param {Object[]} entities - as in a Bot API message
 * @param {{command: function(string), link: function(string): boolean}} act - what a press on a command
 *   does; `link` may take a link over and says whether it did
 * @returns {(Node|string)[]}
 */
export function rich(text, entities, act) {
  const sorted = [...(entities ?? [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return span(text, 0, text.length, sorted, act, false);
}

function span(text, from, to, entities, act, marked) {
  const nodes = [];
  let at = from;
  let index = 0;
  while (index < entities.length) {
    const entity = entities[index];
    const start = Math.max(entity.offset, at);
    const end = Math.min(entity.offset + entity.length, to);
    index += 1;
    if (end <= start) continue;
    if (start > at) nodes.push(...plain(text.slice(at, start), act, marked));
    const inner = [];
    while (index < entities.length && entities[index].offset < end) {
      inner.push(entities[index]);
      index += 1;
    }
    const exact =
      TAGS[entity.type] === undefined || entity.type === "code" || entity.type === "pre";
    nodes.push(
      wrap(
        entity,
        text.slice(start, end),
        span(text, start, end, inner, act, marked || exact),
        act,
      ),
    );
    at = BLOCKS.has(entity.type) && text[end] === "\n" ? end + 1 : end;
  }
  if (at < to) nodes.push(...plain(text.slice(at, to), act, marked));
  return nodes;
}

function plain(text, act, marked) {
  if (marked) return [text];
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(UNMARKED)) {
    nodes.push(text.slice(at, found.index));
    const [whole, address] = found;
    nodes.push(address ? link(address, [address], act) : command(whole, [whole], act));
    at = found.index + whole.length;
  }
  nodes.push(text.slice(at));
  return nodes.filter(Boolean);
}

function wrap(entity, text, children, act) {
  switch (entity.type) {
    case "text_link":
      return link(entity.url, children, act);
    case "url":
      return link(/^[a-z]+:/i.test(text) ? text : `https://${text}`, children, act);
    case "email":
      return link(`mailto:${text}`, children, act);
    case "phone_number":
      return link(`tel:${text}`, children, act);
    case "bot_command":
      return command(text, children, act);
    case "spoiler":
      return spoiler(children);
    case "mention":
    case "text_mention":
    case "hashtag":
    case "cashtag":
      return el("span", { class: "mention" }, ...children);
    default:
      return TAGS[entity.type]
        ? el(TAGS[entity.type], {}, ...children)
        : el("span", {}, ...children);
  }
}

/** Is this an address the page may open? A bot could send `javascript:` or worse. */
export function safeAddress(address) {
  try {
    const { protocol } = new URL(address);
    return ["http:", "https:", "mailto:", "tel:", "geo:"].includes(protocol);
  } catch {
    return false;
  }
}

function link(address, children, act) {
  if (act.link(address, true)) {
    return el(
      "button",
      { type: "button", class: "link", on: { click: () => act.link(address) } },
      ...children,
    );
  }
  if (!safeAddress(address)) return el("span", {}, ...children);
  return el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

function command(text, children, act) {
  return el(
    "button",
    { type: "button", class: "link command", on: { click: () => act.command(text) } },
    ...children,
  );
}

function spoiler(children) {
  const cover = el(
    "button",
    { type: "button", class: "spoiler", "aria-label": t("spoiler") },
    ...children,
  );
  cover.addEventListener(
    "click",
    (event) => {
      event.preventDefault();
      event.stopPropagation();
      cover.replaceWith(...cover.childNodes);
    },
    { once: true },
  );
  return cover;
}
