/**
 * What lies over the page: toasts, alerts, dialogs, menus, and the enlarged photo.
 */

import { el, icon, iconButton } from "./element.js";
import { t } from "./language.js";

const TOAST_MS = 4500;

/** A line that goes away by itself, or when the next one comes. */
export function toast(text) {
  const box = el("div", { class: "toast", "data-testid": "toast" }, text);
  box.addEventListener("click", () => box.remove());
  document.getElementById("toasts").replaceChildren(box);
  setTimeout(() => box.remove(), TOAST_MS);
}

/**
 * Open a modal dialog. Escape and a press beside it close it; the browser keeps the focus inside and
 * gives it back.
 *
 * @param {Object} props - attributes of the dialog; a label is a must
 * @param {...Node} children
 * @returns {HTMLDialogElement} already open
 */
export function openDialog(props, ...children) {
  const dialog = el("dialog", props, ...children);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** A sentence that must be acknowledged, as a bot's `show_alert`. */
export function alertBox(text) {
  const ok = el(
    "button",
    { type: "button", class: "primary", on: { click: () => dialog.close() } },
    t("ok"),
  );
  const dialog = openDialog(
    { class: "alert", role: "alertdialog", "aria-label": text, "data-testid": "alert" },
    el("p", {}, text),
    ok,
  );
  ok.focus();
}

/** The top line of a dialog: its title and a way out. */
export function dialogHead(title, close) {
  return el(
    "header",
    { class: "dialog-head" },
    el("h2", {}, title),
    iconButton("close", t("close"), { on: { click: close } }),
  );
}

/**
 * A menu at a point of the window.
 *
 * @param {{x: number, y: number}} at - in CSS pixels of the window
 * @param {{label: string, icon?: string, act: function(), danger?: boolean}[]} items
 * @param {{emoji: string, label: string, chosen: boolean, act: function()}[]} [quick] - a row on top
 */
export function openMenu(at, items, quick = []) {
  // A long touch can ask twice: by the browser's own event and by ours.
  if (document.querySelector("dialog.menu")) return;
  const close = () => menu.close();
  const run = (act) => () => {
    close();
    act();
  };
  const row = quick.map(({ emoji, label, chosen, act }) =>
    el(
      "button",
      {
        type: "button",
        role: "menuitemcheckbox",
        class: "quick",
        "aria-label": label,
        "aria-checked": String(chosen),
        on: { click: run(act) },
      },
      emoji,
    ),
  );
  const list = items.map(({ label, icon: name, act, danger }) =>
    el(
      "button",
      {
        type: "button",
        role: "menuitem",
        class: danger ? "danger" : null,
        on: { click: run(act) },
      },
      name ? icon(name) : null,
      label,
    ),
  );
  const menu = openDialog(
    { class: "menu", "aria-label": t("actions") },
    el(
      "div",
      { role: "menu" },
      row.length > 0 && el("div", { class: "quick-row", role: "group" }, row),
      list,
    ),
  );
  const buttons = [...row, ...list];
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const here = buttons.indexOf(document.activeElement);
    buttons[(here + step + buttons.length) % buttons.length].focus();
  });
  const { width, height } = menu.getBoundingClientRect();
  const margin = 8;
  menu.style.left = `${Math.max(margin, Math.min(at.x, innerWidth - width - margin))}px`;
  menu.style.top = `${Math.max(margin, Math.min(at.y, innerHeight - height - margin))}px`;
  buttons[0]?.focus();
}

/**
 * Photos as large as the window allows; arrows turn the pages of an album.
 *
 * @param {{url: string, caption?: string}[]} pictures
 * @param {number} start - which one first
 */
export function openViewer(pictures, start) {
  let shown = start;
  const image = el("img", { alt: "" });
  const caption = el("p", { class: "viewer-caption" });
  const show = (index) => {
    shown = (index + pictures.length) % pictures.length;
    image.src = pictures[shown].url;
    image.alt = pictures[shown].caption || t("picture", { n: shown + 1, total: pictures.length });
    caption.textContent = pictures[shown].caption ?? "";
    caption.hidden = !pictures[shown].caption;
  };
  const several = pictures.length > 1;
  const dialog = openDialog(
    { class: "viewer", "aria-label": t("photo"), "data-testid": "viewer" },
    image,
    caption,
    iconButton("close", t("close"), { class: "viewer-close", on: { click: () => dialog.close() } }),
    several &&
      iconButton("previous", "←", {
        class: "viewer-previous",
        on: { click: () => show(shown - 1) },
      }),
    several &&
      iconButton("next", "→", { class: "viewer-next", on: { click: () => show(shown + 1) } }),
  );
  image.addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(shown - 1);
    if (event.key === "ArrowRight") show(shown + 1);
  });
  show(start);
}
