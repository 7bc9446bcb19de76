/**
 * Making a group and changing who is in it.
 */

import * as api from "./api.js";
import { dialogHead, openDialog } from "./dialogs.js";
import { el } from "./element.js";
import { roleName, t } from "./language.js";
import { avatar, nameOf } from "./people.js";

/**
 * Ask for the name of a new group.
 *
 * @param {function(string)} make - gets the name
 */
export function nameGroup(make) {
  const input = el("input", {
    type: "text",
    required: true,
    maxlength: "128",
    "data-testid": "group-title",
  });
  const form = el(
    "form",
    {
      method: "dialog",
      class: "form",
      on: { submit: () => make(input.value.trim()) },
    },
    el("label", {}, t("groupName"), input),
    el("button", { type: "submit", class: "primary", "data-testid": "group-make" }, t("make")),
  );
  const dialog = openDialog(
    { class: "small-dialog", "aria-label": t("newGroup") },
    dialogHead(t("newGroup"), () => dialog.close()),
    form,
  );
  input.focus();
}

/**
 * Let people in and out of a group.
 *
 * @param {Object} chat
 * @param {{people: Object[], bot: Object}} world
 * @param {number} me
 * @param {function(Error)} complain
 */
export function manageMembers(chat, world, me, complain) {
  const change = (what) => () => api.members(me, chat.id, what).catch(complain);
  const choice = (name, label, look, what) =>
    el(
      "button",
      { type: "button", class: look, "data-testid": name, on: { click: change(what) } },
      t(label),
    );
  const rows = [...world.people, { ...world.bot, role: null }]
    .filter(({ id }) => id !== me)
    .map((one) =>
      el(
        "li",
        { class: "member" },
        avatar(one, "small"),
        el(
          "span",
          { class: "member-name" },
          nameOf(one),
          el("small", {}, one.role ? roleName(one.role) : t("bot")),
        ),
        el(
          "span",
          { class: "member-acts" },
          choice(`add-${one.id}`, "add", "plain", { add: [one.id] }),
          choice(`promote-${one.id}`, "promote", "plain", { promote: [one.id] }),
          choice(`remove-${one.id}`, "removeMember", "plain danger", { remove: [one.id] }),
        ),
      ),
    );
  const dialog = openDialog(
    { class: "small-dialog", "aria-label": t("members") },
    dialogHead(t("members"), () => dialog.close()),
    el("ul", { class: "members" }, rows),
  );
}
