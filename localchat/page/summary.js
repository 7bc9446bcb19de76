/**
 * A message in one line: for the list of chats, quotes, and screen readers.
 */

import { t } from "./language.js";
import { nameOf } from "./people.js";

/** What happened, if the message is the chat's own and nobody's words; else an empty string. */
export function serviceLine(message) {
  const name = nameOf(message.from);
  if (message.new_chat_members) {
    return message.new_chat_members
      .map((member) => t("joined", { name: nameOf(member) }))
      .join(" · ");
  }
  if (message.left_chat_member) return t("left", { name: nameOf(message.left_chat_member) });
  if (message.group_chat_created || message.supergroup_chat_created)
    return t("groupMade", { name });
  if (message.migrate_to_chat_id || message.migrate_from_chat_id) return t("upgraded");
  if (message.pinned_message) return t("pinned", { name });
  if (message.new_chat_title) return t("titled", { title: message.new_chat_title });
  if (message.forum_topic_created)
    return t("topicMade", { name: message.forum_topic_created.name });
  if (message.forum_topic_edited)
    return t("topicMade", { name: message.forum_topic_edited.name ?? "" });
  if (message.forum_topic_closed) return t("topicClosed");
  return "";
}

/** The kind of thing a message carries besides text, in words. */
function carried(message) {
  if (message.photo) return `📷 ${t("photo")}`;
  if (message.document) return `📎 ${message.document.file_name ?? t("file")}`;
  if (message.voice || message.audio) return `🎤 ${t("voice")}`;
  if (message.video || message.video_note || message.animation) return `🎬 ${t("video")}`;
  if (message.sticker) return `${message.sticker.emoji ?? ""} ${t("sticker")}`.trim();
  if (message.venue) return `📍 ${message.venue.title}`;
  if (message.location) return `📍 ${t(message.location.live_period ? "liveplace" : "place")}`;
  return "";
}

/**
 * One line for a message.
 *
 * @param {Object} message - as in the Bot API
 * @returns {string} never empty
 */
export function summary(message) {
  const words = (message.text ?? message.caption ?? "").replace(/\s+/g, " ").trim();
  const line = serviceLine(message) || [carried(message), words].filter(Boolean).join(" ");
  return line || t("unknown");
}
