/**
 * One bubble of the chat: a message, or an album drawn as one.
 */

import { fileUrl } from "./api.js";
import { openViewer } from "./dialogs.js";
import { el, icon, iconButton } from "./element.js";
import { rich } from "./entities.js";
import { geography, sketch } from "./geography.js";
import { inlineKeyboard } from "./keyboards.js";
import { clockTime, fileSize, fullTime, t } from "./language.js";
import { showPlace } from "./map.js";
import { avatar, colourOf, nameOf } from "./people.js";
import { serviceLine, summary } from "./summary.js";

const GOOD_WIDTH = 640;
/** The shapes a single photo may have, as width to height; beyond them it is cropped until enlarged. */
const NARROWEST = 0.5;
const WIDEST = 2.2;

/**
 * Draw a message, or the messages of one album.
 *
 * @param {Object[]} album - one message, or several with one media_group_id, oldest first
 * @param {Object} place
 * @param {number} place.me - who looks
 * @param {boolean} place.named - several people talk here: say who
 * @param {boolean} place.first - it opens a run of one sender
 * @param {boolean} place.last - it ends the run
 * @param {string|null} place.topic - the forum topic's name
 * @param {Object} act - what presses do: command, link, press, waits, jump, menu, react
 * @returns {HTMLElement}
 */
export function bubble(album, place, act) {
  const message = album[0];
  const service = serviceLine(message);
  if (service) {
    return el(
      "div",
      { class: "service", "data-testid": `message-${message.message_id}`, tabindex: "-1" },
      el("span", {}, service),
    );
  }
  const sender = message.sender_chat ?? message.from;
  const own = message.from?.id === place.me;
  const speaker = album.find(({ caption }) => caption) ?? message;
  const bare =
    !speaker.text &&
    !speaker.caption &&
    (message.photo || message.sticker) &&
    !message.reply_to_message;
  const body = el(
    "div",
    { class: `bubble ${bare ? "bare" : ""} ${message.sticker ? "sticker" : ""}` },
    place.named &&
      place.first &&
      !own &&
      el("p", { class: `sender ink-${colourOf(sender.id)}` }, nameOf(sender)),
    place.topic && el("p", { class: "topic" }, `# ${place.topic}`),
    forwarded(message),
    quote(message, act),
    media(album, act),
    words(speaker, act),
    el("p", { class: "meta" }, meta(album)),
    reactions(message, act),
  );
  const row = el(
    "article",
    {
      class: `row ${own ? "own" : "other"} ${place.first ? "first" : ""} ${place.last ? "last" : ""}`,
      "data-testid": album.length === 1 ? `message-${message.message_id}` : null,
      "aria-label": `${own ? t("you") : nameOf(sender)}: ${album.length > 1 ? t("album", { n: album.length }) : summary(message)}`,
      tabindex: "-1",
      on: {
        contextmenu: (event) => {
          if (event.target.closest("a, audio, video")) return;
          event.preventDefault();
          act.menu(speaker, { x: event.clientX, y: event.clientY });
        },
      },
    },
    place.named &&
      !own &&
      (place.last ? avatar(sender, "small") : el("span", { class: "avatar-gap" })),
    el("div", { class: "stack" }, body, inlineKeyboard(message, act)),
    iconButton("more", t("actions"), {
      class: "message-menu",
      tabindex: "-1",
      on: {
        click: (event) => {
          const { left, bottom } = event.currentTarget.getBoundingClientRect();
          act.menu(speaker, { x: left, y: bottom });
        },
      },
    }),
  );
  return row;
}

function meta(album) {
  const message = album[0];
  const edited = album.some(({ edit_date: date }) => date);
  return [
    edited && el("span", {}, `${t("edited")} `),
    el(
      "time",
      { datetime: new Date(message.date * 1000).toISOString(), title: fullTime(message.date) },
      clockTime(message.date),
    ),
  ];
}

function words(message, act) {
  const text = message.text ?? message.caption;
  if (!text) return null;
  return el(
    "div",
    { class: "text" },
    ...rich(text, message.entities ?? message.caption_entities, act),
  );
}

function forwarded({ forward_origin: origin }) {
  if (!origin) return null;
  const name =
    nameOf(origin.sender_user ?? origin.sender_chat ?? origin.chat) || origin.sender_user_name;
  return el("p", { class: "forwarded" }, t("forwarded", { name }));
}

function quote({ reply_to_message: original }, act) {
  if (!original || original.forum_topic_created) return null;
  return el(
    "button",
    {
      type: "button",
      class: `quote ink-${colourOf(original.from?.id ?? 0)}`,
      on: { click: () => act.jump(original.message_id) },
    },
    el("span", { class: "quote-name" }, nameOf(original.sender_chat ?? original.from)),
    el("span", { class: "quote-text" }, summary(original)),
  );
}

function reactions(message, act) {
  const given = message.reactions ?? [];
  if (given.length === 0) return null;
  return el(
    "p",
    { class: "reactions" },
    given.map(({ emoji, count, own }) =>
      el(
        "button",
        {
          type: "button",
          class: "reaction",
          "aria-pressed": String(own),
          "aria-label": t(own ? "unreact" : "react", { emoji }),
          on: { click: () => act.react(message, own ? null : emoji) },
        },
        count > 1 ? `${emoji} ${count}` : emoji,
      ),
    ),
  );
}

function media(album, act) {
  const message = album[0];
  if (message.photo) return photos(album);
  if (message.venue) return placeCard(message.venue.location, message.venue);
  if (message.location) return placeCard(message.location, null);
  if (message.voice || message.audio) {
    const sound = message.voice ?? message.audio;
    return el("audio", {
      controls: true,
      preload: "none",
      src: fileUrl(sound.file_id),
      "aria-label": t("voice"),
    });
  }
  const moving = message.video ?? message.animation ?? message.video_note;
  if (moving) {
    return el("video", {
      controls: true,
      preload: "metadata",
      src: fileUrl(moving.file_id),
      "aria-label": t("video"),
    });
  }
  if (message.sticker) return el("p", { class: "big" }, message.sticker.emoji ?? "🙂");
  if (message.document) return album.map((each) => documentLine(each.document));
  if (!message.text && !message.caption) return el("p", { class: "unknown" }, t("unknown"));
  return null;
}

function bestSize(sizes, width) {
  const rising = [...sizes].sort((a, b) => a.width - b.width);
  return rising.find((size) => size.width >= width) ?? rising.at(-1);
}

function photos(album) {
  const pictures = album.map((message) => ({
    url: fileUrl(bestSize(message.photo, Infinity).file_id),
    caption: message.caption,
  }));
  const tiles = album.map((message, index) => {
    const size = bestSize(message.photo, GOOD_WIDTH);
    const image = el("img", {
      src: fileUrl(size.file_id),
      width: size.width,
      height: size.height,
      alt: message.caption ?? t("photo"),
      loading: "lazy",
    });
    image.addEventListener(
      "error",
      () => image.replaceWith(el("span", { class: "lost" }, t("photoAway"))),
      { once: true },
    );
    return el(
      "button",
      {
        type: "button",
        class: "photo",
        "data-testid": album.length > 1 ? `message-${message.message_id}` : null,
        "aria-label": t("enlarge"),
        on: { click: () => openViewer(pictures, index) },
      },
      image,
    );
  });
  const { width, height } = album[0].photo.at(-1);
  const shape = Math.max(NARROWEST, Math.min(WIDEST, width / height));
  return el(
    "div",
    { class: `photos photos-${Math.min(tiles.length, 10)}`, style: { "--shape": shape } },
    tiles,
  );
}

function documentLine(document) {
  const face = el("span", { class: "document-icon" }, icon("file"));
  if (document.mime_type?.startsWith("image/")) {
    const small = el("img", {
      src: fileUrl(document.thumbnail?.file_id ?? document.file_id),
      alt: "",
    });
    small.addEventListener("load", () => face.replaceChildren(small), { once: true });
  }
  return el(
    "a",
    {
      class: "document",
      href: fileUrl(document.file_id),
      target: "_blank",
      rel: "noopener",
      download: document.file_name ?? "file",
    },
    face,
    el(
      "span",
      { class: "document-text" },
      el("span", { class: "document-name" }, document.file_name ?? t("file")),
      el("span", { class: "document-size" }, fileSize(document.file_size)),
    ),
  );
}

function placeCard(location, venue) {
  const live = location.live_period > 0;
  const title = venue?.title ?? t(live ? "liveplace" : "place");
  const picture = el("span", { class: "sketch-box" });
  geography().then(
    (data) => picture.replaceChildren(sketch(data, location)),
    () => picture.replaceChildren(icon("pin")),
  );
  const figures = [`${location.latitude.toFixed(5)}, ${location.longitude.toFixed(5)}`];
  if (location.horizontal_accuracy)
    figures.push(t("within", { n: Math.round(location.horizontal_accuracy) }));
  return el(
    "button",
    {
      type: "button",
      class: "place-card",
      "aria-label": `${title}. ${t("openMap")}`,
      on: { click: () => showPlace(location, title) },
    },
    picture,
    (venue || live) && el("span", { class: `place-title ${live ? "live" : ""}` }, title),
    venue?.address && el("span", { class: "place-address" }, venue.address),
    figures.map((line) => el("span", { class: "place-figures" }, line)),
  );
}
