/**
 * The page: who you are, which chat is open (both in the address, so that a reload returns there), and
 * the stream of events that keeps it fresh.
 */

import * as api from "./api.js";
import { chatList } from "./chats.js";
import { Conversation } from "./conversation.js";
import { openMenu, toast } from "./dialogs.js";
import { el, iconButton } from "./element.js";
import { manageMembers, nameGroup } from "./groups.js";
import { current, pick, speak, spoken, t } from "./language.js";
import { nameOf, strip, welcome } from "./people.js";

const RETRY_MS = 1000;
const GATHER_MS = 60;

const root = document.getElementById("app");
const state = {
  world: null,
  me: null,
  chats: [],
  open: null,
  online: true,
  stopFollowing: () => {},
  /** Languages chosen by hand, by person; others speak their person's own. */
  chosen: new Map(),
};
let gathering = null;

/** @returns {{me: number|null, chat: number|null}} what the address says */
function route() {
  const [me, chat] = location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .map((part) => (part === "" ? NaN : Number(part)));
  return { me: Number.isFinite(me) ? me : null, chat: Number.isFinite(chat) ? chat : null };
}

function go(me, chat = null) {
  location.hash = chat === null ? `#/${me}` : `#/${me}/${chat}`;
}

const person = () => state.world.people.find(({ id }) => id === state.me);

function complain(error) {
  if (error instanceof api.Refused || error instanceof api.Unreachable)
    toast(t("refused", { reason: error.message }));
  else throw error;
}

async function start() {
  speak(navigator.language);
  for (;;) {
    try {
      state.world = await api.world();
      break;
    } catch (error) {
      if (!(error instanceof api.Unreachable)) throw error;
      root.replaceChildren(el("p", { class: "waiting" }, t("connecting")));
      await new Promise((resolve) => {
        setTimeout(resolve, RETRY_MS);
      });
    }
  }
  window.addEventListener("hashchange", follow);
  document.addEventListener("visibilitychange", () => state.open?.read());
  follow();
}

/** Do what the address says. */
function follow() {
  const { me, chat } = route();
  const known = state.world.people.some(({ id }) => id === me);
  if (!known) {
    leavePerson();
    drawWelcome();
    return;
  }
  if (me !== state.me) {
    becomePerson(me);
    return;
  }
  openChat(chat);
}

function leavePerson() {
  state.stopFollowing();
  state.me = null;
  state.chats = [];
  state.open = null;
}

function becomePerson(me) {
  leavePerson();
  state.me = me;
  speak(state.chosen.get(me) ?? person().language_code);
  draw();
  state.stopFollowing = api.follow(me, {
    event: receive,
    online: (online) => {
      state.online = online;
      showOnline();
      if (online) reread().catch(complain);
    },
  });
}

/** Read everything shown again: at first, and after the local chat was away. */
async function reread() {
  await readChats();
  const { chat } = route();
  if (state.open && state.open.id === chat) await state.open.load();
  else openChat(chat);
}

async function readChats() {
  const { me } = state;
  const chats = await api.chats(me);
  if (me !== state.me) return;
  state.chats = chats;
  drawList();
  const item = chats.find(({ chat }) => chat.id === state.open?.id);
  if (item) {
    state.open.update(item);
    state.open.read();
  }
}

/** Read the list of chats again soon; many events in a row cause one reading. */
function refresh() {
  gathering ??= setTimeout(() => {
    gathering = null;
    readChats().catch(() => {});
  }, GATHER_MS);
}

function receive(event) {
  if (state.open && (event.chat_id === state.open.id || event.type === "callback_answer"))
    state.open.receive(event);
  if (
    event.type === "message" &&
    event.message?.migrate_to_chat_id &&
    state.open?.id === event.chat_id
  ) {
    go(state.me, event.message.migrate_to_chat_id);
  }
  if (event.type !== "chat_action" && event.type !== "callback_answer") refresh();
}

function openChat(id) {
  if (id === null) {
    state.open = null;
    drawPane();
    drawList();
    return;
  }
  if (state.open?.id === id) return;
  const item = state.chats.find(({ chat }) => chat.id === id);
  if (!item) {
    if (state.chats.length > 0)
      readChats().then(
        () => state.chats.some(({ chat }) => chat.id === id) && openChat(id),
        complain,
      );
    return;
  }
  state.open = new Conversation(pageFor(), item);
  state.open.connected(state.online);
  drawPane();
  drawList();
  state.open.load().catch(complain);
  state.open.composer.focus();
}

/** What an open chat may ask of the page. */
function pageFor() {
  return {
    me: state.me,
    bot: state.world.bot,
    link: deepLink,
    complain,
    refresh,
    leave: () => go(state.me),
    chatMenu,
  };
}

/**
 * Links to the bot itself (t.me/name?start=payload) lead into its private chat here, not outside.
 *
 * @param {string} address
 * @param {boolean} [askOnly] - only say whether it is such a link
 * @returns {boolean}
 */
function deepLink(address, askOnly = false) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return false;
  }
  const name = state.world.bot.username?.toLowerCase();
  if (
    !["t.me", "telegram.me"].includes(url.hostname) ||
    url.pathname.slice(1).toLowerCase() !== name
  )
    return false;
  if (askOnly) return true;
  const chat = state.chats.find((item) => item.chat.type === "private")?.chat.id;
  const payload = url.searchParams.get("start");
  if (chat === undefined) return true;
  go(state.me, chat);
  if (payload !== null) api.say(state.me, chat, { text: `/start ${payload}` }).catch(complain);
  return true;
}

function chatMenu(item, at) {
  const { me } = state;
  const run = (work) => () => work().then(refresh, complain);
  if (item.chat.type === "private") {
    const blocks = { label: t("block"), danger: true, act: run(() => api.block(me, true)) };
    const unblocks = { label: t("unblock"), act: run(() => api.block(me, false)) };
    const items = [item.blocked !== true && blocks, item.blocked !== false && unblocks].filter(
      Boolean,
    );
    openMenu(at, items);
    return;
  }
  const items = [
    { label: t("members"), act: () => manageMembers(item.chat, state.world, me, complain) },
  ];
  if (item.chat.type === "group")
    items.push({ label: t("upgrade"), act: run(() => api.upgrade(me, item.chat.id)) });
  openMenu(at, items);
}

function switchLanguage() {
  const next = current() === "zh" ? "en" : "zh";
  speak(next);
  if (state.me === null) {
    drawWelcome();
    return;
  }
  state.chosen.set(state.me, next);
  const open = state.open?.id ?? null;
  state.open = null;
  draw();
  if (open !== null) openChat(open);
}

function languageButton() {
  return el(
    "button",
    {
      type: "button",
      class: "language",
      title: t("languageHint"),
      "aria-label": t("languageHint"),
      "data-testid": "language",
      on: { click: switchLanguage },
    },
    t("language"),
  );
}

function notice() {
  return el(
    "p",
    { class: "notice", "data-testid": "notice" },
    pick(state.world.notice) || t("notice"),
  );
}

function drawWelcome() {
  document.title = t("title");
  root.className = "app choosing";
  root.replaceChildren(
    el("div", { class: "welcome-top" }, languageButton()),
    welcome(state.world.people, (id) => {
      speak(spoken(state.world.people.find((one) => one.id === id).language_code));
      go(id);
    }),
    notice(),
  );
}

function draw() {
  root.className = "app";
  root.replaceChildren(
    el(
      "aside",
      { class: "side" },
      el(
        "header",
        { class: "side-head" },
        el("h1", {}, pick({ en: "Street Sentinel", zh: "流动哨兵" })),
        el("span", { class: "connection", role: "status", "data-testid": "connection" }),
        iconButton("plus", t("newGroup"), { "data-testid": "new-group", on: { click: newGroup } }),
        languageButton(),
      ),
      strip(state.world.people, state.me, (id) => go(id)),
      el("nav", { class: "chats", "aria-label": t("chats") }),
      notice(),
    ),
    el("div", { class: "pane" }),
  );
  root
    .querySelector('.person[aria-pressed="true"]')
    ?.scrollIntoView({ block: "nearest", inline: "center" });
  showOnline();
  drawList();
  drawPane();
}

function newGroup() {
  nameGroup(async (title) => {
    try {
      const answer = await api.makeGroup(state.me, title);
      await readChats();
      const id = answer?.chat?.id ?? answer?.id;
      if (id) go(state.me, id);
    } catch (error) {
      complain(error);
    }
  });
}

function showOnline() {
  const line = root.querySelector(".connection");
  if (line) line.textContent = state.online ? "" : t("connecting");
  root.classList.toggle("offline", !state.online);
  state.open?.connected(state.online);
}

function drawList() {
  const nav = root.querySelector(".chats");
  if (!nav) return;
  const focused = nav.contains(document.activeElement)
    ? document.activeElement.dataset.testid
    : null;
  nav.replaceChildren(
    chatList(state.chats, {
      me: state.me,
      bot: state.world.bot,
      open: state.open?.id ?? null,
      choose: (id) => go(state.me, id),
    }),
  );
  if (focused) nav.querySelector(`[data-testid="${focused}"]`)?.focus();
  const unread = state.chats.reduce((sum, item) => sum + item.unread, 0);
  document.title = `${unread > 0 ? `(${unread}) ` : ""}${nameOf(person())} · ${t("title")}`;
}

function drawPane() {
  root.classList.toggle("reading", state.open !== null);
  root
    .querySelector(".pane")
    ?.replaceChildren(
      state.open
        ? state.open.element
        : el("main", { class: "nothing" }, el("p", {}, t("chooseChat"))),
    );
}

start();
