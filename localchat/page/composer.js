/**
 * The composer: what a person is about to say, and everything laid around it — reply and edit bars,
 * the tray of attachments, the bot's reply keyboard, the command list, START.
 *
 * Nothing written here is lost: text leaves the field only after it was taken, and a draft outlives a
 * reload of the page.
 */

import * as api from "./api.js";
import { AttachPanel, sampleFile } from "./attach.js";
import { toast } from "./dialogs.js";
import { el, icon, iconButton } from "./element.js";
import { replyKeyboard } from "./keyboards.js";
import { fileSize, t } from "./language.js";
import { pickPlace } from "./map.js";
import { nameOf } from "./people.js";
import { summary } from "./summary.js";
import { voiceNote } from "./voice.js";

const TALLEST_PX = 160;
const ALBUM_MOST = 10;

/** Where the last sample picture sent in this page was taken: the likeliest place to be asked for next. */
let taken = null;

/** The composer of one open chat. */
export class Composer {
  #page;
  #chat;
  #reply = null;
  #editing = null;
  #tray = [];
  #shownKeyboard = "";
  #standing = null;
  #keyboardOpen = true;
  #sending = false;

  /**
   * @param {import("./conversation.js").Page} page
   * @param {import("./conversation.js").Conversation} chat
   */
  constructor(page, chat) {
    this.#page = page;
    this.#chat = chat;
    this.input = el("textarea", {
      rows: "1",
      class: "input",
      "data-testid": "composer",
      "aria-label": t("message"),
      placeholder: t("message"),
      autocomplete: "off",
      on: { input: () => this.#typed(), keydown: (event) => this.#keys(event) },
    });
    this.input.value = sessionStorage.getItem(this.#draftKey) ?? "";
    this.photoInput = this.#fileInput("photo-input", "image/*", (files) =>
      this.add(files, "photo"),
    );
    this.fileInput = this.#fileInput("file-input", null, (files) => this.add(files, "document"));
    this.attach = new AttachPanel({
      photo: () => this.photoInput.click(),
      file: () => this.fileInput.click(),
      location: () => this.#pickPlace(false),
      voice: () =>
        this.#attempt(() =>
          api.sendFiles(page.me, chat.id, "voice", [voiceNote()], this.#context()),
        ),
      sample: (sample, asFile) => this.#sendSample(sample, asFile),
      complain: page.complain,
      closed: () => this.attachButton.setAttribute("aria-expanded", "false"),
    });
    this.menuButton = el(
      "button",
      {
        type: "button",
        class: "menu-button",
        "aria-label": t("menu"),
        "data-testid": "menu-button",
        "aria-expanded": "false",
        on: { click: () => this.#toggleCommands() },
      },
      icon("menu"),
      el("span", {}, t("menu")),
    );
    this.attachButton = iconButton("attach", t("attach"), {
      "data-testid": "attach",
      "aria-expanded": "false",
      on: { click: () => this.#toggleAttach() },
    });
    this.keyboardButton = iconButton("keyboard", t("keyboardHide"), {
      "data-testid": "keyboard-toggle",
      hidden: true,
      on: { click: () => this.#toggleKeyboard() },
    });
    this.sendButton = iconButton("send", t("send"), {
      class: "send",
      "data-testid": "send",
      on: { click: () => this.#send() },
    });
    this.bar = el("div", { class: "bar", hidden: true });
    this.trayBox = el("div", { class: "tray", hidden: true, "data-testid": "tray" });
    this.commands = el("div", {
      class: "commands",
      role: "listbox",
      "aria-label": t("commands"),
      hidden: true,
      "data-testid": "commands",
    });
    this.keyboardBox = el("div", { class: "keyboard-box", hidden: true });
    this.startButton = el(
      "button",
      {
        type: "button",
        class: "primary start",
        "data-testid": "start-button",
        on: { click: () => this.sendText("/start") },
      },
      t("start"),
    );
    this.unblockButton = el(
      "button",
      {
        type: "button",
        class: "plain start",
        "data-testid": "unblock-button",
        on: { click: () => this.#attempt(() => api.block(page.me, false)) },
      },
      t("blocked"),
      " ",
      t("unblock"),
    );
    this.line = el(
      "div",
      { class: "composer-line" },
      this.menuButton,
      this.attachButton,
      this.input,
      this.keyboardButton,
      this.sendButton,
    );
    this.element = el(
      "footer",
      { class: "composer" },
      this.commands,
      this.attach.element,
      this.bar,
      this.trayBox,
      this.line,
      this.startButton,
      this.unblockButton,
      this.keyboardBox,
      this.photoInput,
      this.fileInput,
    );
    this.element.addEventListener("keydown", (event) => this.#escape(event));
    chat.log.addEventListener("pointerdown", () => this.#closePanels());
    this.refresh();
  }

  get #draftKey() {
    return `draft ${this.#page.me} ${this.#chat.id}`;
  }

  /** The chat's entry changed: START, commands. */
  refresh() {
    const blocked = this.#chat.private && this.#chat.item.blocked === true;
    const unstarted = this.#chat.private && !this.#chat.item.started && !blocked;
    this.startButton.hidden = !unstarted;
    this.unblockButton.hidden = !blocked;
    this.line.hidden = unstarted || blocked;
    this.#showKeyboard();
    this.menuButton.hidden = (this.#chat.item.commands ?? []).length === 0;
    this.#grow();
  }

  /** The composer is on the page now: take the height the draft needs, and the focus where there is a keyboard. */
  focus() {
    this.#grow();
    if (matchMedia("(hover: hover)").matches && !this.line.hidden) this.input.focus();
  }

  /** Answer a certain message. */
  replyTo(message) {
    this.#editing = null;
    this.#reply = message;
    this.#showBar();
    this.input.focus();
  }

  /** Change an own message instead of writing a new one. */
  startEdit(message) {
    this.#reply = null;
    this.#editing = message;
    this.input.value = message.text ?? message.caption ?? "";
    this.#showBar();
    this.#grow();
    this.input.focus();
  }

  /**
   * Lay files into the tray, to be sent with the next message as its caption.
   *
   * @param {File[]} files
   * @param {"photo"|"document"} [kind] - without it pictures are photos and the rest documents
   */
  add(files, kind) {
    for (const file of files) {
      const as = kind ?? (file.type.startsWith("image/") ? "photo" : "document");
      this.#tray.push({
        file,
        as,
        url: file.type.startsWith("image/") ? URL.createObjectURL(file) : null,
      });
    }
    this.#closePanels();
    this.#showTray();
    this.input.focus();
  }

  /** Say something that stands on a button or is a command; the text being written stays. */
  sendText(text) {
    return this.#attempt(() => api.say(this.#page.me, this.#chat.id, { text, ...this.#context() }));
  }

  /** Lay a bot's keyboard over the composer, or take it away. */
  keyboard(standing) {
    const changed = standing?.message.message_id !== this.#standing?.message.message_id;
    const same = !changed && standing?.markup === this.#standing?.markup;
    if (same) return;
    const forced = this.#standing?.markup.force_reply && this.#reply === this.#standing.message;
    this.#standing = standing;
    if (changed) {
      const oneTime = standing?.markup.one_time_keyboard;
      const done = oneTime && (this.#used(standing.message) || this.#answered(standing.message));
      this.#keyboardOpen = !done;
      if (forced) this.#reply = null;
      if (standing?.markup.force_reply && !this.#answered(standing.message))
        this.#reply = standing.message;
      this.#showBar();
    }
    this.#showKeyboard();
  }

  /** Did this person say anything after a message? Then its force_reply or one-time keyboard was used. */
  #answered(message) {
    return this.#chat.messages.some(
      ({ message_id: id, from }) => id > message.message_id && from?.id === this.#page.me,
    );
  }

  #used(message) {
    return (
      sessionStorage.getItem(`used ${this.#page.me} ${this.#chat.id}`) ===
      String(message.message_id)
    );
  }

  #showKeyboard() {
    const markup = this.#standing?.markup;
    const rows = Boolean(markup?.keyboard);
    this.keyboardButton.hidden = !rows;
    this.keyboardBox.hidden = !rows || !this.#keyboardOpen || this.line.hidden;
    // Built anew only when it changed: a finger may be on one of its buttons at this moment.
    const shown = rows ? JSON.stringify(markup.keyboard) : "";
    if (shown !== this.#shownKeyboard) {
      this.#shownKeyboard = shown;
      this.keyboardBox.replaceChildren(
        ...(rows ? [replyKeyboard(markup, (button) => this.#pressReply(button))] : []),
      );
    }
    const asks = !rows || this.#keyboardOpen;
    this.input.placeholder = (asks && markup?.input_field_placeholder) || t("message");
    const label = t(this.#keyboardOpen ? "keyboardHide" : "keyboardShow");
    this.keyboardButton.setAttribute("aria-label", label);
    this.keyboardButton.title = label;
    this.keyboardButton.setAttribute("aria-expanded", String(this.#keyboardOpen));
  }

  #toggleKeyboard() {
    this.#keyboardOpen = !this.#keyboardOpen;
    this.#showKeyboard();
  }

  #pressReply(button) {
    const { message, markup } = this.#standing;
    const used = () => {
      if (!markup.one_time_keyboard) return;
      sessionStorage.setItem(`used ${this.#page.me} ${this.#chat.id}`, message.message_id);
      this.#keyboardOpen = false;
      this.#showKeyboard();
    };
    if (button.request_location) {
      this.#pickPlace(true, used);
      return;
    }
    if (
      button.request_contact ||
      button.request_poll ||
      button.web_app ||
      button.request_users ||
      button.request_chat
    ) {
      toast(t("notHere"));
      return;
    }
    const reply = this.#chat.private ? {} : { reply_to: message.message_id };
    this.#attempt(() =>
      api.say(this.#page.me, this.#chat.id, { text: button.text, ...reply, ...this.#context() }),
    ).then((sent) => sent && used());
  }

  #pickPlace(pointOnly, done = () => {}) {
    this.#closePanels();
    pickPlace({
      taken,
      pointOnly,
      chosen: async (content) => {
        const sent = await this.#attempt(() =>
          api.say(this.#page.me, this.#chat.id, { ...content, ...this.#context() }),
        );
        if (sent) done();
      },
    });
  }

  async #sendSample(sample, asFile) {
    this.#closePanels();
    const sent = await this.#attempt(async () =>
      api.sendFiles(
        this.#page.me,
        this.#chat.id,
        asFile ? "document" : "photo",
        [await sampleFile(sample)],
        this.#context(),
      ),
    );
    if (sent) taken = { latitude: sample.latitude, longitude: sample.longitude };
  }

  /** What every message carries besides its content. */
  #context() {
    return this.#reply ? { reply_to: this.#reply.message_id } : {};
  }

  /**
   * Call the API; on success show what came and drop the reply mark, on failure say so.
   *
   * @returns {Promise<boolean>} did it work?
   */
  async #attempt(work) {
    try {
      const answer = await work();
      this.#reply = null;
      this.#showBar();
      if (answer?.messages) this.#chat.show(answer.messages);
      this.#page.refresh();
      return true;
    } catch (error) {
      toast(t("notSent", { reason: error.message }));
      return false;
    }
  }

  async #send() {
    const written = this.input.value;
    const text = written.trim();
    if (this.#sending || (text === "" && this.#tray.length === 0)) return;
    this.#sending = true;
    this.sendButton.disabled = true;
    this.#closePanels();
    let sent;
    if (this.#editing) sent = await this.#sendEdit(text);
    else if (this.#tray.length > 0) sent = await this.#sendTray(text);
    else sent = await this.sendText(text);
    this.#sending = false;
    this.sendButton.disabled = false;
    if (!sent) return;
    const now = this.input.value;
    this.input.value = now.startsWith(written) ? now.slice(written.length) : now;
    this.#typed();
  }

  async #sendEdit(text) {
    const message = this.#editing;
    const content = message.text === undefined ? { caption: text } : { text };
    const sent = await this.#attempt(async () => {
      await api.edit(this.#page.me, this.#chat.id, message.message_id, content);
    });
    if (sent) {
      this.#editing = null;
      this.#showBar();
    }
    return sent;
  }

  /** Photos go together as albums of at most ten, documents one by one; what went leaves the tray. */
  async #sendTray(caption) {
    let words = caption;
    while (this.#tray.length > 0) {
      const { as } = this.#tray[0];
      const most = as === "photo" ? ALBUM_MOST : 1;
      const other = this.#tray.findIndex((entry) => entry.as !== as);
      const batch = this.#tray.slice(0, Math.min(most, other === -1 ? this.#tray.length : other));
      const files = batch.map(({ file }) => file);
      const with_ = { caption: words, ...this.#context() };
      if (
        !(await this.#attempt(() => api.sendFiles(this.#page.me, this.#chat.id, as, files, with_)))
      ) {
        if (words !== caption) this.input.value = "";
        return false;
      }
      words = "";
      for (const { url } of batch) if (url) URL.revokeObjectURL(url);
      this.#tray = this.#tray.filter((entry) => !batch.includes(entry));
      this.#showTray();
    }
    return true;
  }

  #showTray() {
    this.trayBox.hidden = this.#tray.length === 0;
    const items = this.#tray.map((entry) =>
      el(
        "div",
        { class: "tray-item" },
        entry.url && entry.as === "photo"
          ? el("img", { src: entry.url, alt: entry.file.name })
          : el(
              "span",
              { class: "tray-file" },
              icon("file"),
              el("span", {}, entry.file.name),
              el("small", {}, fileSize(entry.file.size)),
            ),
        iconButton("close", `${t("remove")}: ${entry.file.name}`, {
          class: "tray-remove",
          on: {
            click: () => {
              if (entry.url) URL.revokeObjectURL(entry.url);
              this.#tray = this.#tray.filter((other) => other !== entry);
              this.#showTray();
            },
          },
        }),
      ),
    );
    const pictures = this.#tray.filter(({ file }) => file.type.startsWith("image/"));
    const asFile = el("input", {
      type: "checkbox",
      checked: pictures.length > 0 && pictures.every(({ as }) => as === "document"),
      "data-testid": "tray-as-file",
      on: {
        change: () => {
          for (const entry of pictures) entry.as = asFile.checked ? "document" : "photo";
          this.#showTray();
        },
      },
    });
    this.trayBox.replaceChildren(
      el("div", { class: "tray-items" }, items),
      ...(pictures.length > 0 ? [el("label", { class: "check" }, asFile, t("asFile"))] : []),
    );
  }

  #showBar() {
    const message = this.#editing ?? this.#reply;
    this.bar.hidden = message === null;
    if (message === null) return;
    this.bar.replaceChildren(
      icon(this.#editing ? "edit" : "reply"),
      el(
        "div",
        { class: "bar-text" },
        el(
          "strong",
          {},
          this.#editing ? t("editing") : t("replyingTo", { name: nameOf(message.from) }),
        ),
        el("span", {}, summary(message)),
      ),
      iconButton("close", t("cancel"), { on: { click: () => this.#dropBar() } }),
    );
  }

  #dropBar() {
    if (this.#editing) {
      this.input.value = "";
      this.#typed();
    }
    this.#editing = null;
    this.#reply = null;
    this.#showBar();
    this.input.focus();
  }

  #typed() {
    if (!this.#editing) sessionStorage.setItem(this.#draftKey, this.input.value);
    this.#grow();
    const words = this.input.value;
    if (/^\/\w*$/.test(words)) this.#showCommands(words.slice(1));
    else this.#hideCommands();
  }

  #grow() {
    if (!this.input.isConnected) return;
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, TALLEST_PX)}px`;
  }

  #keys(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      const chosen = this.commands.querySelector('[aria-selected="true"]');
      if (!this.commands.hidden && chosen) chosen.click();
      else this.#send();
    } else if (!this.commands.hidden && ["ArrowUp", "ArrowDown"].includes(event.key)) {
      event.preventDefault();
      const options = [...this.commands.children];
      const here = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
      const to = (here + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
      options.forEach((option, index) =>
        option.setAttribute("aria-selected", String(index === to)),
      );
      options[to].scrollIntoView({ block: "nearest" });
    }
  }

  #escape(event) {
    if (event.key !== "Escape") return;
    if (!this.commands.hidden) {
      this.#hideCommands();
      this.input.focus();
    } else if (this.attach.open) {
      this.attach.close();
      this.attachButton.focus();
    } else if (!this.bar.hidden) {
      this.#dropBar();
    }
  }

  #toggleCommands() {
    this.attach.close();
    if (this.commands.hidden) this.#showCommands("");
    else this.#hideCommands();
    this.commands.firstElementChild?.focus();
  }

  #showCommands(start) {
    const fitting = (this.#chat.item.commands ?? []).filter(({ command }) =>
      command.startsWith(start.toLowerCase()),
    );
    if (fitting.length === 0) {
      this.#hideCommands();
      return;
    }
    const typing = document.activeElement === this.input && start !== "";
    this.commands.replaceChildren(
      ...fitting.map(({ command, description }, index) =>
        el(
          "button",
          {
            type: "button",
            role: "option",
            class: "command-option",
            "aria-selected": String(typing && index === 0),
            "data-testid": `command-${command}`,
            on: { click: () => this.#runCommand(command) },
          },
          el("span", { class: "command-name" }, `/${command}`),
          el("span", { class: "command-about" }, description),
        ),
      ),
    );
    this.commands.hidden = false;
    this.menuButton.setAttribute("aria-expanded", "true");
  }

  #hideCommands() {
    this.commands.hidden = true;
    this.menuButton.setAttribute("aria-expanded", "false");
  }

  async #runCommand(command) {
    this.#hideCommands();
    const typed = this.input.value;
    const sent = await this.sendText(`/${command}`);
    if (sent && /^\/\w*$/.test(typed) && this.input.value === typed) this.input.value = "";
    this.#typed();
    this.focus();
  }

  #toggleAttach() {
    this.#hideCommands();
    if (this.attach.open) this.attach.close();
    else {
      this.attach.show();
      this.attachButton.setAttribute("aria-expanded", "true");
    }
  }

  #closePanels() {
    this.#hideCommands();
    this.attach.close();
  }

  #fileInput(testid, accept, take) {
    const input = el("input", {
      type: "file",
      multiple: true,
      accept,
      class: "hidden-input",
      tabindex: "-1",
      "aria-hidden": "true",
      "data-testid": testid,
    });
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (files.length > 0) take(files);
    });
    return input;
  }
}
