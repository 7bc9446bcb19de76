/**
 * The two keyboards a bot can show: under a message (inline) and in place of typing (reply).
 */

import { toast } from "./dialogs.js";
import { el, icon } from "./element.js";
import { safeAddress } from "./entities.js";
import { t } from "./language.js";

/** A callback button turns until its answer comes, but not longer than this. */
const PATIENCE_MS = 30_000;
const EARLY_KEPT = 50;

/**
 * Presses that wait for the bot's answer, by message and button. An answer may overtake the reply to
 * the press itself, so answers nobody waits for yet are kept for a moment.
 */
export class Presses {
  #waiting = new Map();
  #early = new Map();
  #changed;

  /** @param {function(number)} changed - called with a message id whose buttons look different now */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @returns {boolean} is this button waiting? */
  waits(messageId, data) {
    return this.#waiting.has(`${messageId} ${data}`);
  }

  /**
   * Press a button.
   *
   * @param {number} messageId
   * @param {string} data
   * @param {function(): Promise<{callback_query_id: string}>} send
   * @returns {Promise<Object|null>} the bot's answer, or null if none came in time
   * @throws what `send` throws
   */
  async press(messageId, data, send) {
    const key = `${messageId} ${data}`;
    if (this.#waiting.has(key)) return {};
    const wait = {};
    const answered = new Promise((resolve) => {
      wait.resolve = resolve;
    });
    this.#waiting.set(key, wait);
    this.#changed(messageId);
    let timer;
    try {
      wait.query = (await send()).callback_query_id;
      if (this.#early.has(wait.query)) return this.#early.get(wait.query);
      timer = setTimeout(() => wait.resolve(null), PATIENCE_MS);
      return await answered;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(key);
      this.#changed(messageId);
    }
  }

  /** The bot answered a press. */
  answer(event) {
    for (const wait of this.#waiting.values()) {
      if (wait.query === event.callback_query_id) {
        wait.resolve(event);
        return;
      }
    }
    this.#early.set(event.callback_query_id, event);
    if (this.#early.size > EARLY_KEPT) this.#early.delete(this.#early.keys().next().value);
  }
}

/**
 * The buttons under a message.
 *
 * @param {Object} message
 * @param {{press: function(Object, Object), waits: function(number, string): boolean,
 *   link: function(string, boolean): boolean}} act
 * @returns {HTMLElement|null}
 */
export function inlineKeyboard(message, act) {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows || rows.length === 0) return null;
  return el(
    "div",
    { class: "inline-keyboard" },
    rows.map((row) =>
      el(
        "div",
        { class: "keyboard-row" },
        row.map((button) => inlineButton(message, button, act)),
      ),
    ),
  );
}

function inlineButton(message, button, act) {
  const look = `inline-button ${button.style ? `style-${button.style}` : ""}`.trim();
  const label = el("span", { class: "label" }, button.text);
  if (button.url !== undefined) {
    if (act.link(button.url, true)) {
      return el(
        "button",
        {
          type: "button",
          class: look,
          "data-testid": "inline-button",
          on: { click: () => act.link(button.url) },
        },
        label,
      );
    }
    const href = safeAddress(button.url) ? button.url : null;
    return el(
      "a",
      {
        class: look,
        href,
        target: "_blank",
        rel: "noopener noreferrer",
        "data-testid": "inline-button",
      },
      label,
      icon("link"),
    );
  }
  if (button.copy_text) {
    return el(
      "button",
      {
        type: "button",
        class: look,
        "data-testid": "inline-button",
        on: { click: () => copy(button.copy_text.text) },
      },
      label,
      icon("copy"),
    );
  }
  const data = button.callback_data;
  const busy = data !== undefined && act.waits(message.message_id, data);
  const click = data === undefined ? () => toast(t("notHere")) : () => act.press(message, button);
  return el(
    "button",
    {
      type: "button",
      class: look,
      "data-testid": "inline-button",
      "aria-busy": String(busy),
      on: { click },
    },
    label,
    busy && el("span", { class: "spinner", "aria-hidden": "true" }),
  );
}

/** Put a text on the clipboard and say so; say the text where there is no clipboard. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("copied"));
  } catch {
    toast(text);
  }
}

/**
 * What a bot last laid over the composer.
 *
 * @param {Object[]} messages - of the chat, oldest first
 * @returns {{message: Object, markup: Object}|null} the newest reply keyboard or ForceReply that no
 *   later message took away
 */
export function standingKeyboard(messages) {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const markup = messages[index].reply_markup;
    if (markup?.remove_keyboard) return null;
    if (markup?.keyboard || markup?.force_reply) return { message: messages[index], markup };
  }
  return null;
}

/**
 * The buttons of a reply keyboard.
 *
 * @param {Object} markup - a ReplyKeyboardMarkup
 * @param {function(Object)} press - gets the button
 */
export function replyKeyboard(markup, press) {
  return el(
    "div",
    {
      class: `reply-keyboard ${markup.resize_keyboard ? "resized" : ""}`.trim(),
      role: "group",
      "aria-label": t("keyboardShow"),
    },
    markup.keyboard.map((row) =>
      el(
        "div",
        { class: "keyboard-row" },
        row.map((entry) => {
          const button = typeof entry === "string" ? { text: entry } : entry;
          return el(
            "button",
            {
              type: "button",
              class: `reply-button ${button.style ? `style-${button.style}` : ""}`.trim(),
              "data-testid": "reply-button",
              on: { click: () => press(button) },
            },
            button.text,
          );
        }),
      ),
    ),
  );
}
