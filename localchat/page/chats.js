/**
 * The list of chats on the left.
 */

import { el } from "./element.js";
import { listTime, t } from "./language.js";
import { avatar, nameOf } from "./people.js";
import { summary } from "./summary.js";

/**
 * Draw the list.
 *
 * @param {Object[]} items - as `GET /api/people/{me}/chats` gives them
 * @param {{me: number, open: number|null, choose: function(number)}} look - `open` is the chat shown now
 * @returns {HTMLElement}
 */
export function chatList(items, { me, open, choose }) {
  if (items.length === 0) return el("p", { class: "hint" }, t("noChats"));
  return el(
    "ul",
    { class: "chat-list" },
    items.map((item) => el("li", {}, entry(item, me, open, choose))),
  );
}

function entry({ chat, last, unread }, me, open, choose) {
  const own = last?.from?.id === me;
  const speaker = last && chat.type !== "private" && !last.new_chat_members ? `${own ? t("you") : last.from?.first_name}: ` : "";
  return el(
    "button",
    {
      type: "button",
      class: "chat-entry",
      "data-testid": `chat-${chat.id}`,
      "aria-current": chat.id === open ? "true" : null,
      on: { click: () => choose(chat.id) },
    },
    avatar(chat),
    el(
      "span",
      { class: "chat-entry-text" },
      el(
        "span",
        { class: "chat-entry-line" },
        el("span", { class: "chat-entry-name" }, nameOf(chat)),
        last && el("time", { class: "chat-entry-time" }, listTime(last.date)),
      ),
      el(
        "span",
        { class: "chat-entry-line" },
        el("span", { class: "chat-entry-last" }, last ? speaker + summary(last) : "…"),
        unread > 0 && el("span", { class: "badge", "data-testid": `unread-${chat.id}`, "aria-label": t("unread", { n: unread }) }, String(unread)),
      ),
    ),
  );
}
