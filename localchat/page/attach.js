/**
 * The attach panel: photo, file, place, voice, and the sample pictures.
 */

import * as api from "./api.js";
import { el, icon } from "./element.js";
import { pick, t } from "./language.js";

let loading = null;

function samples() {
  loading ??= api.samples().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/**
 * Fetch a sample picture as if it came from the phone's album, EXIF included.
 *
 * @param {{name: string, url: string}} sample
 * @returns {Promise<File>}
 * @throws {api.Unreachable}
 */
export async function sampleFile({ name, url }) {
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new api.Unreachable(t("unreachable"));
  }
  if (!response.ok) throw new api.Refused(t("photoAway"));
  return new File([await response.blob()], `${name}.jpg`, { type: "image/jpeg" });
}

/** The panel over the composer, closed at first. */
export class AttachPanel {
  #act;

  /**
   * @param {Object} act - what the choices do: `photo`, `file`, `location`, `voice`,
   *   `sample(sample, asFile)`; `closed` and `complain(error)`
   */
  constructor(act) {
    this.#act = act;
    this.pictures = el("div", { class: "samples" });
    this.asFile = el("input", { type: "checkbox", "data-testid": "sample-as-file" });
    this.element = el(
      "div",
      {
        class: "attach-panel",
        role: "group",
        "aria-label": t("attach"),
        hidden: true,
        "data-testid": "attach-panel",
      },
      el(
        "div",
        { class: "attach-kinds" },
        this.#kind("photo", "photo", "attachPhoto", "attach-photo"),
        this.#kind("file", "file", "attachFile", "attach-file"),
        this.#kind("location", "pin", "attachLocation", "attach-location"),
        this.#kind("voice", "voice", "attachVoice", "attach-voice"),
      ),
      el("p", { class: "samples-title" }, t("samples")),
      el("label", { class: "check" }, this.asFile, t("asFile")),
      this.pictures,
    );
  }

  get open() {
    return !this.element.hidden;
  }

  close() {
    if (!this.open) return;
    this.element.hidden = true;
    this.#act.closed();
  }

  show() {
    this.element.hidden = false;
    this.element.querySelector("button").focus();
    samples().then(
      (all) => this.#showSamples(all),
      (error) => this.#act.complain(error),
    );
  }

  #kind(name, look, label, testid) {
    const run = () => {
      this.close();
      this.#act[name]();
    };
    return el(
      "button",
      {
        type: "button",
        class: `attach-kind kind-${name}`,
        "data-testid": testid,
        on: { click: run },
      },
      el("span", { class: "kind-icon" }, icon(look)),
      t(label),
    );
  }

  #showSamples(all) {
    this.pictures.replaceChildren(
      ...all.map((sample) =>
        el(
          "button",
          {
            type: "button",
            class: "sample",
            "data-testid": `sample-${sample.name}`,
            on: { click: () => this.#act.sample(sample, this.asFile.checked) },
          },
          el("img", { src: sample.url, alt: "", loading: "lazy" }),
          el("span", {}, pick(sample.title)),
        ),
      ),
    );
  }
}
