/**
 * The people's API of the local chat (docs/localchat.md): calls, and the stream of events.
 */

import { pick, t } from "./language.js";

/** The local chat answered, and the answer is no. `message` is a sentence. */
export class Refused extends Error {}

/** The local chat did not answer at all; the call may be made again. */
export class Unreachable extends Error {}

async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body instanceof FormData) {
    options.body = body;
  } else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Unreachable(t("unreachable"));
  }
  if (response.status >= 500) throw new Unreachable(t("unreachable"));
  const type = response.headers.get("Content-Type") ?? "";
  const answer = type.includes("json") ? await response.json() : null;
  if (!response.ok)
    throw new Refused(pick(answer?.error) || `${response.status} ${response.statusText}`);
  return answer;
}

export const world = () => call("GET", "/api/world");
export const districts = () => call("GET", "/api/map");
export const places = () => call("GET", "/api/places");
export const samples = () => call("GET", "/api/samples");
export const fileUrl = (fileId) => `/api/files/${encodeURIComponent(fileId)}`;

const ofPerson = (me) => `/api/people/${me}`;
const ofChat = (me, chat) => `${ofPerson(me)}/chats/${chat}`;

export const chats = (me) => call("GET", `${ofPerson(me)}/chats`);

/** Up to `limit` messages, oldest first, all older than message `before` if given. */
export function messages(me, chat, before, limit = 50) {
  const query = new URLSearchParams({ limit });
  if (before !== undefined) query.set("before", before);
  return call("GET", `${ofChat(me, chat)}/messages?${query}`);
}

/** Say something that is no file: `{text}`, `{location}`, `{venue}`, with `reply_to` if wanted. */
export const say = (me, chat, content) => call("POST", `${ofChat(me, chat)}/messages`, content);

/**
 * Send files.
 *
 * @param {number} me
 * @param {number} chat
 * @param {"photo"|"document"|"voice"|"video"} kind
 * @param {File[]} files - several photos make an album
 * @param {{caption?: string, reply_to?: number}} [with_]
 */
export function sendFiles(me, chat, kind, files, with_ = {}) {
  const form = new FormData();
  form.set("kind", kind);
  for (const [name, value] of Object.entries(with_)) {
    if (value !== undefined && value !== "") form.set(name, value);
  }
  for (const file of files) form.append("file", file, file.name);
  return call("POST", `${ofChat(me, chat)}/messages`, form);
}

export const edit = (me, chat, id, content) =>
  call("PATCH", `${ofChat(me, chat)}/messages/${id}`, content);
export const press = (me, chat, id, data) =>
  call("POST", `${ofChat(me, chat)}/messages/${id}/press`, { data });
export const react = (me, chat, id, emoji) =>
  call("POST", `${ofChat(me, chat)}/messages/${id}/react`, { emoji });
export const read = (me, chat) => call("POST", `${ofChat(me, chat)}/read`, {});
export const block = (me, blocked) => call("POST", `${ofPerson(me)}/block`, { blocked });
export const makeGroup = (me, title) => call("POST", `${ofPerson(me)}/groups`, { title });
export const members = (me, chat, change) =>
  call("POST", `${ofPerson(me)}/groups/${chat}/members`, change);
export const upgrade = (me, chat) => call("POST", `${ofPerson(me)}/groups/${chat}/upgrade`, {});

const FIRST_RETRY_MS = 400;
const LONGEST_RETRY_MS = 4000;

/**
 * Follow what happens to a person, across restarts of the local chat.
 *
 * A browser's own reconnecting gives up on some failures, so each failure opens a fresh stream that
 * asks for everything after the last event seen.
 *
 * @param {number} me
 * @param {{event: function(Object), online: function(boolean)}} tell - `online(true)` is called each
 *   time the stream opens: what was missed must be read again
 * @returns {function(): void} stops following
 */
export function follow(me, tell) {
  let source = null;
  let timer = null;
  let wait = FIRST_RETRY_MS;
  let last = null;

  const open = () => {
    clearTimeout(timer);
    const after = last === null ? "" : `?after=${encodeURIComponent(last)}`;
    source = new EventSource(`${ofPerson(me)}/events${after}`);
    source.onopen = () => {
      wait = FIRST_RETRY_MS;
      tell.online(true);
    };
    source.onmessage = (event) => {
      if (event.lastEventId) last = event.lastEventId;
      tell.event(JSON.parse(event.data));
    };
    source.onerror = () => {
      source.close();
      tell.online(false);
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_RETRY_MS);
    };
  };
  const hurry = () => {
    if (source.readyState === EventSource.CLOSED) open();
  };

  open();
  window.addEventListener("online", hurry);
  return () => {
    clearTimeout(timer);
    source.close();
    window.removeEventListener("online", hurry);
  };
}
