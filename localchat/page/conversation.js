/**
 * The open chat: its head, the log of messages, and the composer beneath.
 */

import * as api from "./api.js";
import { Composer } from "./composer.js";
import { alertBox, openMenu, toast } from "./dialogs.js";
import { el, icon, iconButton } from "./element.js";
import { copy, Presses, standingKeyboard } from "./keyboards.js";
import { dayKey, dayName, t } from "./language.js";
import { pickPlace } from "./map.js";
import { bubble } from "./message.js";
import { avatar, faceOf, nameOf } from "./people.js";
import { serviceLine } from "./summary.js";

const EMOJI = ["👍", "❤️", "🔥", "🎉", "😢", "👎"];
const RUN_SECONDS = 600;
const NEAR_END_PX = 120;
const NEAR_START_PX = 200;
const HOLD_MS = 500;
const TYPING_MS = 5500;
const JUMP_PAGES = 10;
const ACTIONS = {
  upload_photo: "sendingPhoto",
  upload_document: "sendingFile",
  find_location: "findingPlace",
};

/**
 * @typedef {Object} Page
 * @property {number} me - who acts
 * @property {Object} bot - the bot's User
 * @property {function(string, boolean=): boolean} link - takes over addresses that lead into this chat
 * @property {function(Error)} complain - tells the person that a call failed
 * @property {function()} refresh - reads the list of chats again
 * @property {function()} leave - back to the list of chats
 * @property {function(Object, {x: number, y: number})} chatMenu - the menu in the head of a chat
 */

/** One chat as one person sees it, from opening to leaving it. */
export class Conversation {
  #page;
  #messages = new Map();
  #drawn = new Map();
  #presses;
  #typingTimer;
  #loaded = false;
  #online = true;
  #following = true;
  #complete = false;
  #loadingOlder = null;

  /**
   * @param {Page} page
   * @param {Object} item - the chat as the list of chats gives it
   */
  constructor(page, item) {
    this.#page = page;
    this.item = item;
    this.#presses = new Presses((id) => this.#redraw(id));
    this.list = el("div", {
      class: "log-inner",
      role: "log",
      "aria-live": "polite",
      "aria-busy": "true",
      "aria-label": nameOf(faceOf(item.chat, page.bot)),
      "data-testid": "log",
      "data-empty": item.description || t("noMessages"),
      on: {
        keydown: (event) => this.#keys(event),
        focusin: (event) => this.#rove(event.target.closest(".row, .service") ?? undefined),
      },
    });
    this.log = el("div", { class: "log", on: { scroll: () => this.#scrolled() } }, this.list);
    this.toEnd = iconButton("down", t("newMessages"), {
      class: "to-end",
      hidden: true,
      on: { click: () => this.#goToEnd(true) },
    });
    this.subtitle = el("span", {
      class: "chat-subtitle",
      "aria-live": "polite",
      "data-testid": "chat-status",
    });
    this.composer = new Composer(page, this);
    this.element = el(
      "main",
      { class: "conversation" },
      this.#head(),
      el("div", { class: "log-box" }, this.log, this.toEnd),
      this.composer.element,
    );
    this.#listenForFiles();
    this.#listenForHolds();
    this.#stayAtEnd();
    this.#showSubtitle();
  }

  get id() {
    return this.item.chat.id;
  }

  get private() {
    return this.item.chat.type === "private";
  }

  /** Messages known so far, oldest first. */
  get messages() {
    return [...this.#messages.values()].sort((a, b) => a.message_id - b.message_id);
  }

  /** Read the newest messages; what was deleted meanwhile goes. */
  async load() {
    const newest = await api.messages(this.#page.me, this.id);
    const first = newest[0]?.message_id ?? 0;
    for (const id of this.#messages.keys()) if (id >= first) this.#messages.delete(id);
    if (this.#messages.size === 0) this.#complete = newest.length < 50;
    this.#take(newest);
    const opening = !this.#loaded;
    this.#loaded = true;
    this.#draw(opening);
    this.list.setAttribute("aria-busy", "false");
    this.read();
  }

  /** The chat's entry in the list changed. */
  update(item) {
    this.item = item;
    this.#showSubtitle();
    this.composer.refresh();
  }

  /** The person sees what is here. */
  read() {
    if (document.hidden || !this.#loaded) return;
    if (this.item.unread > 0)
      api.read(this.#page.me, this.id).then(
        () => this.#page.refresh(),
        () => {},
      );
  }

  /** Show messages that are known before their event comes. */
  show(messages) {
    this.#take(messages);
    this.#draw(true);
  }

  /** Something happened in this chat. */
  receive(event) {
    switch (event.type) {
      case "message":
      case "edited":
        this.#take([event.message]);
        if (event.type === "message" && event.message.from?.id !== this.#page.me)
          this.#typing(null);
        this.#draw(event.message.from?.id === this.#page.me && event.type === "message");
        break;
      case "reaction":
        if (event.message) {
          this.#take([event.message]);
          this.#draw(false);
        }
        break;
      case "deleted":
        this.#messages.delete(event.message_id);
        this.#draw(false);
        break;
      case "chat_action":
        this.#typing(event.action ?? event.text ?? "typing");
        break;
      case "callback_answer":
        this.#presses.answer(event);
        break;
      default:
        break;
    }
  }

  /** Reply to, or edit, what the menu of a message offers. */
  #menu(message, at) {
    const own = message.from?.id === this.#page.me;
    const text = message.text ?? message.caption;
    const items = [{ label: t("reply"), icon: "reply", act: () => this.composer.replyTo(message) }];
    if (text) items.push({ label: t("copy"), icon: "copy", act: () => copy(text) });
    if (
      own &&
      !message.forward_origin &&
      (message.text || message.photo || message.document || message.voice)
    ) {
      items.push({ label: t("edit"), icon: "edit", act: () => this.composer.startEdit(message) });
    }
    if (own && message.location?.live_period)
      items.push({ label: t("move"), icon: "pin", act: () => this.#moveLive(message) });
    const given = (message.reactions ?? [])
      .filter(({ own: mine }) => mine)
      .map(({ emoji }) => emoji);
    const quick = EMOJI.map((emoji) => {
      const chosen = given.includes(emoji);
      return {
        emoji,
        chosen,
        label: t(chosen ? "unreact" : "react", { emoji }),
        act: () => this.#react(message, chosen ? null : emoji),
      };
    });
    openMenu(at, items, quick);
  }

  async #react(message, emoji) {
    try {
      const answer = await api.react(this.#page.me, this.id, message.message_id, emoji);
      if (answer?.message) this.show([answer.message]);
    } catch (error) {
      this.#page.complain(error);
    }
  }

  #moveLive(message) {
    pickPlace({
      start: message.location,
      moving: true,
      chosen: async ({ location }) => {
        try {
          await api.edit(this.#page.me, this.id, message.message_id, { location });
        } catch (error) {
          this.#page.complain(error);
        }
      },
    });
  }

  async #press(message, button) {
    const { message_id: id } = message;
    try {
      const answer = await this.#presses.press(id, button.callback_data, () =>
        api.press(this.#page.me, this.id, id, button.callback_data),
      );
      if (answer === null) toast(t("noAnswer"));
      else if (answer.text) (answer.show_alert ? alertBox : toast)(answer.text);
    } catch (error) {
      this.#page.complain(error);
    }
  }

  #head() {
    const face = faceOf(this.item.chat, this.#page.bot);
    return el(
      "header",
      { class: "chat-head" },
      iconButton("back", t("back"), {
        class: "back",
        "data-testid": "back",
        on: { click: () => this.#page.leave() },
      }),
      avatar(face, "middle"),
      el(
        "div",
        { class: "chat-names" },
        el("h2", { class: "chat-title" }, nameOf(face)),
        this.subtitle,
      ),
      iconButton("more", t("chatActions"), {
        "data-testid": "chat-menu",
        on: {
          click: (event) => {
            const { right, bottom } = event.currentTarget.getBoundingClientRect();
            this.#page.chatMenu(this.item, { x: right, y: bottom });
          },
        },
      }),
    );
  }

  /** The local chat is there, or away. */
  connected(online) {
    this.#online = online;
    this.#typing(null);
  }

  #showSubtitle() {
    if (this.#typingTimer) return;
    this.subtitle.classList.remove("busy");
    if (!this.#online) this.subtitle.textContent = t("connecting");
    else this.subtitle.textContent = this.private ? t("bot") : t(this.item.chat.type);
  }

  #typing(action) {
    clearTimeout(this.#typingTimer);
    this.#typingTimer = null;
    if (action === null) {
      this.#showSubtitle();
      return;
    }
    this.subtitle.textContent = t(ACTIONS[action] ?? "typing");
    this.subtitle.classList.add("busy");
    this.#typingTimer = setTimeout(() => this.#typing(null), TYPING_MS);
  }

  #take(messages) {
    for (const message of messages) this.#messages.set(message.message_id, message);
  }

  #redraw(messageId) {
    for (const [key, block] of this.#drawn) {
      if (block.album.some((message) => message.message_id === messageId))
        this.#drawn.set(key, { ...block, album: [] });
    }
    this.#draw(false);
  }

  #blocks() {
    const blocks = [];
    for (const message of this.messages) {
      const before = blocks.at(-1)?.album;
      const group = message.media_group_id;
      if (group && before?.[0].media_group_id === group) before.push(message);
      else blocks.push({ album: [message] });
    }
    const runs = (a, b) =>
      a !== undefined &&
      b !== undefined &&
      (a.sender_chat ?? a.from)?.id === (b.sender_chat ?? b.from)?.id &&
      dayKey(a.date) === dayKey(b.date) &&
      b.date - a.date < RUN_SECONDS &&
      !serviceLine(a) &&
      !serviceLine(b);
    blocks.forEach((block, index) => {
      const [message] = block.album;
      block.first = !runs(blocks[index - 1]?.album[0], message);
      block.last = !runs(message, blocks[index + 1]?.album[0]);
      block.newDay =
        index === 0 || dayKey(blocks[index - 1].album[0].date) !== dayKey(message.date);
    });
    return blocks;
  }

  #topicName(message) {
    if (!message.is_topic_message) return null;
    const thread = message.message_thread_id;
    for (const other of this.#messages.values()) {
      const made = other.forum_topic_edited?.name ?? other.forum_topic_created?.name;
      if (made && (other.message_thread_id ?? other.message_id) === thread) return made;
    }
    return message.reply_to_message?.forum_topic_created?.name ?? String(thread);
  }

  /** Draw what changed; blocks that did not keep their elements, with focus and playing sound. */
  #draw(toEnd) {
    const end = toEnd || this.#following;
    const focused = document.activeElement?.closest?.(".row, .service");
    const focusedKey = [...this.#drawn].find(
      ([, block]) => block.element === focused && focused,
    )?.[0];
    const next = new Map();
    const nodes = [];
    for (const block of this.#blocks()) {
      const key = block.album[0].message_id;
      const known = this.#drawn.get(key);
      const same =
        known &&
        known.first === block.first &&
        known.last === block.last &&
        known.album.length === block.album.length &&
        known.album.every((message, index) => message === block.album[index]);
      block.element = same ? known.element : this.#bubble(block);
      if (block.newDay) {
        const day = dayKey(block.album[0].date);
        const old = known?.day?.dataset.day === day ? known.day : null;
        block.day =
          old ??
          el(
            "div",
            { class: "day", "data-day": day },
            el("span", {}, dayName(block.album[0].date)),
          );
        nodes.push(block.day);
      }
      nodes.push(block.element);
      next.set(key, block);
    }
    this.#drawn = next;
    this.#place(nodes);
    this.#rove();
    if (focusedKey !== undefined && !focused.isConnected)
      next.get(focusedKey)?.element.focus({ preventScroll: true });
    if (end) this.#goToEnd(false);
    else this.#scrolled();
    this.composer.keyboard(standingKeyboard(this.messages));
  }

  /** Put the nodes in order, touching only what moves: a node taken out and in again would be read aloud. */
  #place(nodes) {
    const wanted = new Set(nodes);
    for (const child of [...this.list.children]) if (!wanted.has(child)) child.remove();
    nodes.forEach((node, index) => {
      if (this.list.children[index] !== node)
        this.list.insertBefore(node, this.list.children[index] ?? null);
    });
  }

  #bubble(block) {
    return bubble(
      block.album,
      {
        me: this.#page.me,
        named: !this.private,
        first: block.first,
        last: block.last,
        topic: block.first ? this.#topicName(block.album[0]) : null,
      },
      {
        command: (text) => this.composer.sendText(text),
        link: this.#page.link,
        press: (message, button) => this.#press(message, button),
        waits: (id, data) => this.#presses.waits(id, data),
        jump: (id) => this.#jump(id),
        menu: (message, at) => this.#menu(message, at),
        react: (message, emoji) => this.#react(message, emoji),
      },
    );
  }

  /**
   * One message with its controls is in the tab order, the newest or the last visited; arrows reach the
   * others. So the composer is a few tabs away, not a thousand.
   */
  #rove(to) {
    const rows = [...this.log.querySelectorAll(".row, .service")];
    const target = to ?? rows.find((row) => row.contains(document.activeElement)) ?? rows.at(-1);
    for (const row of rows) {
      const stop = row === target ? 0 : -1;
      row.tabIndex = stop;
      for (const control of row.querySelectorAll("a, button:not(.message-menu), audio, video"))
        control.tabIndex = stop;
    }
  }

  #keys(event) {
    const row = event.target;
    if (!row.matches(".row, .service")) return;
    const rows = [...this.log.querySelectorAll(".row, .service")];
    const step = { ArrowUp: -1, ArrowDown: 1, Home: -rows.length, End: rows.length }[event.key];
    if (step) {
      event.preventDefault();
      const to = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + step))];
      this.#rove(to);
      to.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      row.querySelector(".message-menu")?.click();
    }
  }

  #atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END_PX;
  }

  #goToEnd(smooth) {
    this.#following = true;
    this.log.scrollTo({ top: this.log.scrollHeight, behavior: smooth ? "smooth" : "instant" });
    this.toEnd.hidden = true;
  }

  /** Follow the newest message when sizes change: a photo or keyboard came, the phone was turned. */
  #stayAtEnd() {
    const observer = new ResizeObserver(() => {
      if (this.#following) this.#goToEnd(false);
    });
    observer.observe(this.log);
    observer.observe(this.list);
  }

  #scrolled() {
    this.#following = this.#atEnd();
    this.toEnd.hidden = this.#following;
    if (
      this.#loaded &&
      this.log.scrollTop < NEAR_START_PX &&
      this.log.scrollHeight > this.log.clientHeight
    ) {
      this.#older().catch((error) => this.#page.complain(error));
    }
  }

  /** Read one page of older messages and keep the view where it was. */
  #older() {
    if (this.#complete) return Promise.resolve();
    this.#loadingOlder ??= this.#readOlder().finally(() => {
      this.#loadingOlder = null;
    });
    return this.#loadingOlder;
  }

  async #readOlder() {
    const before = Math.min(...this.#messages.keys());
    const older = await api.messages(this.#page.me, this.id, before);
    this.#complete = older.length === 0;
    if (older.length === 0) return;
    const fromEnd = this.log.scrollHeight - this.log.scrollTop;
    this.#take(older);
    this.#draw(false);
    this.log.scrollTop = this.log.scrollHeight - fromEnd;
  }

  async #jump(id) {
    try {
      for (let page = 0; page < JUMP_PAGES && !this.#messages.has(id) && !this.#complete; page += 1)
        await this.#older();
    } catch (error) {
      this.#page.complain(error);
    }
    const block = [...this.#drawn.values()].find(({ album }) =>
      album.some((message) => message.message_id === id),
    );
    if (!block) {
      toast(t("jumpMissing"));
      return;
    }
    block.element.scrollIntoView({ block: "center", behavior: "smooth" });
    this.#rove(block.element);
    block.element.focus({ preventScroll: true });
    block.element.classList.add("found");
    block.element.addEventListener("animationend", () => block.element.classList.remove("found"), {
      once: true,
    });
  }

  #listenForFiles() {
    const hint = el("div", { class: "drop-hint", hidden: true }, icon("photo"), t("dropHere"));
    this.element.append(hint);
    const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    this.element.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      hint.hidden = false;
    });
    this.element.addEventListener("dragleave", (event) => {
      if (!this.element.contains(event.relatedTarget)) hint.hidden = true;
    });
    this.element.addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      hint.hidden = true;
      this.composer.add([...event.dataTransfer.files]);
    });
    this.element.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      this.composer.add(files);
    });
  }

  /** A long touch opens a message's menu where the browser sends no contextmenu event for it. */
  #listenForHolds() {
    let timer;
    const stop = () => clearTimeout(timer);
    this.log.addEventListener("pointerdown", (event) => {
      const row = event.target.closest(".row");
      if (
        event.pointerType !== "touch" ||
        !row ||
        event.target.closest(".inline-keyboard, a, audio, video")
      )
        return;
      timer = setTimeout(
        () =>
          row.dispatchEvent(
            new MouseEvent("contextmenu", {
              clientX: event.clientX,
              clientY: event.clientY,
              cancelable: true,
            }),
          ),
        HOLD_MS,
      );
    });
    for (const name of ["pointerup", "pointercancel", "contextmenu"])
      this.log.addEventListener(name, stop, { passive: true });
  }
}
