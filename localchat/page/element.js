/**
 * Builds elements. Everything a person wrote enters the page as a text node here, never as markup,
 * so a message cannot become part of the page.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 *
 * @param {string} tag - the element's name
 * @param {Object} [props] - attributes; `on` holds event listeners by name, `style` custom properties;
 *   `true` sets an empty attribute, `false`, `null` and `undefined` leave one out
 * @param {...(Node|string|null|false|Array)} children - strings become text nodes
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  return furnish(document.createElement(tag), props, children);
}

/** The same for SVG elements. */
export function svg(tag, props = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), props, children);
}

function furnish(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value))
        element.addEventListener(event, listener);
    } else if (name === "style") {
      for (const [property, setting] of Object.entries(value)) {
        element.style.setProperty(property, setting);
      }
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(
    ...children.flat().filter((child) => child !== null && child !== false && child !== undefined),
  );
  return element;
}

/** Line icons on a 24-unit grid, drawn for this page. */
const ICONS = {
  back: ["M15 5l-7 7 7 7"],
  send: ["M4 12l16-8-5.500 16-3-6.500z", "M11.500 13.500L20 4"],
  attach: [
    "M19.500 11.500l-7.600 7.600a4.600 4.600 0 0 1-6.500-6.500l8-8a3 3 0 0 1 4.300 4.300l-7.900 7.900a1.500 1.500 0 0 1-2.100-2.100l7-7",
  ],
  menu: ["M5 7h14", "M5 12h14", "M5 17h9"],
  more: ["M6 12h.010", "M12 12h.010", "M18 12h.010"],
  keyboard: [
    "M3.500 6.500h17v11h-17z",
    "M7 10h.010M10.300 10h.010M13.700 10h.010M17 10h.010",
    "M8 14h8",
  ],
  text: ["M5 6h14", "M12 6v13"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  check: ["M4.500 12.500l5 5 10-11"],
  photo: ["M4 5.500h16v13H4z", "M4 16l5-5 4 4 2.500-2.500L20 17", "M15.500 9.500h.010"],
  file: ["M7 3.500h7l4 4v13H7z", "M14 3.500v4h4"],
  pin: [
    "M12 21s6.500-5.600 6.500-11A6.500 6.500 0 0 0 5.500 10c0 5.400 6.500 11 6.500 11z",
    "M12 12.300a2.300 2.300 0 1 0 0-4.600 2.300 2.300 0 0 0 0 4.600z",
  ],
  voice: [
    "M12 14.500a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v5.500a3 3 0 0 0 3 3z",
    "M6 11.500a6 6 0 0 0 12 0",
    "M12 17.500V21",
  ],
  down: ["M6 9l6 6 6-6"],
  link: ["M9 15L19 5", "M12 5h7v7", "M17 14v5H5V7h5"],
  copy: ["M8.500 8.500h11v11h-11z", "M5 15.500H4.500v-11h11V5"],
  plus: ["M12 5v14", "M5 12h14"],
  reply: ["M10 6L4 12l6 6", "M4 12h9a7 7 0 0 1 7 7"],
  edit: ["M4 20l1-4L16 5l3 3L8 19z"],
  previous: ["M15 5l-7 7 7 7"],
  next: ["M9 5l7 7-7 7"],
};

/**
 * A decorative icon; the control around it carries the words.
 *
 * @param {keyof ICONS} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const paths = ICONS[name].map((d) => svg("path", { d }));
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: `icon icon-${name}`, "aria-hidden": "true" },
    ...paths,
  );
}

/** A button with an icon only; its words are for screen readers and the tooltip. */
export function iconButton(name, label, props = {}) {
  const { class: extra = "", ...rest } = props;
  return el(
    "button",
    {
      type: "button",
      class: `icon-button ${extra}`.trim(),
      "aria-label": label,
      title: label,
      ...rest,
    },
    icon(name),
  );
}
