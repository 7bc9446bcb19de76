/**
 * The list of chats on the left.
 */

import { el } from "./element.js";
import { listTime, t } from "./language.js";
import { avatar, faceOf, nameOf } from "./people.js";
import { summary } from "./summary.js";

/**
 * Draw the list.
 *
 * @param {Object[]} items - as `GET /api/people/{me}/chats` gives them
 * @param {{me: number, bot: Object, open: number|null, choose: function(number)}} look - `open` is the chat
 *   shown now
 * @returns {HTMLElement}
 */
export function chatList(items, look) {
  if (items.length === 0) return el("p", { class: "hint" }, t("noChats"));
  return el(
    "ul",
    { class: "chat-list" },
    items.map((item) => el("li", {}, entry(item, look))),
  );
}

function entry({ chat, last, unread }, { me, bot, open, choose }) {
  const face = faceOf(chat, bot);
  const own = last?.from?.id === me;
  const speaker =
    last && chat.type !== "private" && !last.new_chat_members
      ? `${own ? t("you") : last.from?.first_name}: `
      : "";
  return el(
    "button",
    {
      type: "button",
      class: "chat-entry",
      "data-testid": `chat-${chat.id}`,
      "aria-current": chat.id === open ? "true" : null,
      on: { click: () => choose(chat.id) },
    },
    avatar(face),
    el(
      "span",
      { class: "chat-entry-text" },
      el(
        "span",
        { class: "chat-entry-line" },
        el("span", { class: "chat-entry-name" }, nameOf(face)),
        last && el("time", { class: "chat-entry-time" }, listTime(last.date)),
      ),
      el(
        "span",
        { class: "chat-entry-line" },
        el("span", { class: "chat-entry-last" }, last ? speaker + summary(last) : "…"),
        unread > 0 &&
          el(
            "span",
            {
              class: "badge",
              "data-testid": `unread-${chat.id}`,
              "aria-label": t("unread", { n: unread }),
            },
            String(unread),
          ),
      ),
    ),
  );
}
