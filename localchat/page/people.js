/**
 * The people and chats of the world: their names, their colours, and the strip to choose who you are.
 */

import { el } from "./element.js";
import { pick, roleName, t } from "./language.js";

const COLOURS = 8;

/** Whose face a chat has: a private chat is the bot's, though the Bot API calls it by the person's id. */
export const faceOf = (chat, bot) => (chat.type === "private" ? bot : chat);

/** Full name of a user, or title of a chat. */
export function nameOf(who) {
  if (!who) return "";
  if (who.title) return who.title;
  const parts = [who.first_name, who.last_name].filter(Boolean);
  if (!parts.every((part) => /^\p{Script=Han}+$/u.test(part))) return parts.join(" ");
  // A Chinese family name, one character long but for a few, stands first; none has a space.
  if (parts.length === 2 && parts[1].length === 1) parts.reverse();
  return parts.join("") || String(who.id ?? "");
}

/** The colour of a user or chat, the same everywhere: a number into the palette of the style sheet. */
export function colourOf(id) {
  const number = Math.abs(Number(id));
  // Ids are dealt in thousands by role: without the second part colleagues would share a colour.
  return (number * 7 + Math.floor(number / 1000) * 3) % COLOURS;
}

function initials(name) {
  const letters = [...name.trim()].filter((letter) => /[\p{L}\p{N}]/u.test(letter));
  if (/\p{Script=Han}/u.test(letters[0] ?? "")) return letters[0];
  return name
    .trim()
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
}

/** A round picture with initials. */
export function avatar(who, size = "") {
  return el(
    "span",
    { class: `avatar ${size} colour-${colourOf(who.id)}`, "aria-hidden": "true" },
    initials(nameOf(who)),
  );
}

/** The row of people on top: who you are is pressed in. */
export function strip(people, me, choose) {
  return el(
    "div",
    { class: "people", role: "group", "aria-label": t("people") },
    people.map((person) =>
      el(
        "button",
        {
          type: "button",
          class: "person",
          "data-testid": `person-${person.id}`,
          "aria-pressed": String(person.id === me),
          title: pick(person.about),
          on: { click: () => choose(person.id) },
        },
        avatar(person),
        el("span", { class: "person-name" }, person.first_name),
        el("span", { class: `role role-${person.role}` }, roleName(person.role)),
      ),
    ),
  );
}

/** The first screen: everybody with a line about them. */
export function welcome(people, choose) {
  return el(
    "main",
    { class: "welcome" },
    el("h1", {}, t("who")),
    el("p", { class: "hint" }, t("whoHint")),
    el(
      "ul",
      { class: "cards" },
      people.map((person) =>
        el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              class: "card",
              "data-testid": `person-${person.id}`,
              on: { click: () => choose(person.id) },
            },
            avatar(person),
            el(
              "span",
              { class: "card-text" },
              el("span", { class: "card-name" }, nameOf(person)),
              el("span", { class: `role role-${person.role}` }, roleName(person.role)),
              el("span", { class: "card-about" }, pick(person.about)),
            ),
          ),
        ),
      ),
    ),
  );
}
