/**
 * The large map: to choose a place, or to look at one. Leaflet draws the districts; there are no tiles.
 */

import { dialogHead, openDialog, toast } from "./dialogs.js";
import { el, icon } from "./element.js";
import { apart, districtAt, featureName, geography, placePoint } from "./geography.js";
import { t } from "./language.js";

const CLOSE_ZOOM = 15;
const ACCURACIES_M = [0, 30, 250];
const LIVE_SECONDS = 900;
const LISTED = 60;

function pin() {
  const mark = el("span", { class: "map-pin" }, icon("pin"));
  return window.L.divIcon({ html: mark, className: "", iconSize: [40, 40], iconAnchor: [20, 37] });
}

/** A feature's name as a node: Leaflet would read a string as markup. */
const label = (feature) => el("span", {}, featureName(feature));

/**
 * Draw the districts and places into a box.
 *
 * The view is set before any label: Leaflet places a permanent tooltip when it is added and leaves the
 * map blank if there is no view yet.
 */
function draw(box, data, centre, zoom) {
  const { L } = window;
  const map = L.map(box, {
    attributionControl: false,
    zoomControl: true,
    minZoom: 9,
    maxZoom: 18,
    zoomSnap: 0.5,
  });
  map.setView([centre.latitude, centre.longitude], zoom);
  data.districts.features.forEach((feature, index) => {
    L.geoJSON(feature, {
      style: { className: `zone zone-${index % 8}`, weight: 1.5 },
      interactive: false,
    })
      .bindTooltip(label(feature), { permanent: true, direction: "center", className: "zone-name" })
      .addTo(map);
  });
  for (const place of data.places.features) {
    const { latitude, longitude } = placePoint(place);
    L.circleMarker([latitude, longitude], {
      radius: 3.5,
      className: "place-dot",
      interactive: true,
    })
      .bindTooltip(label(place), { direction: "top" })
      .addTo(map);
  }
  L.control.scale({ imperial: false }).addTo(map);
  return map;
}

/** Where a person who has shown no place yet probably is: among the named places, else in a district. */
function somewhere(data) {
  if (data.places.features.length > 0) return placePoint(data.places.features[0]);
  const bounds = window.L.geoJSON(data.districts).getBounds();
  if (!bounds.isValid()) return { latitude: 25.118, longitude: 118.905 };
  const { lat, lng } = bounds.getCenter();
  return { latitude: lat, longitude: lng };
}

/**
 * Let a person choose a place.
 *
 * @param {Object} [wish]
 * @param {{latitude: number, longitude: number}} [wish.start] - where the pin stands at first
 * @param {{latitude: number, longitude: number}} [wish.taken] - where the last sample picture was taken
 * @param {boolean} [wish.moving] - a live place is moved: nothing but the point is asked
 * @param {boolean} [wish.pointOnly] - a reply button asked for a plain location
 * @param {function(Object)} wish.chosen - gets `{location}` or `{venue}`, in the shape the API takes
 */
export async function pickPlace({ start, taken, moving = false, pointOnly = false, chosen }) {
  let data;
  try {
    data = await geography();
  } catch (error) {
    toast(error.message);
    return;
  }
  const point = { ...(start ?? taken ?? somewhere(data)) };
  let named = null;
  let accuracy = ACCURACIES_M[0];
  let as = "point";

  const box = el("div", { class: "map" });
  const where = el("p", { class: "where", "aria-live": "polite" });
  const fields = { latitude: coordinate("latitude"), longitude: coordinate("longitude") };
  const list = el("div", { class: "place-list", role: "group", "aria-label": t("findPlace") });
  const search = el("input", {
    type: "search",
    placeholder: t("findPlace"),
    "aria-label": t("findPlace"),
    "data-testid": "map-search",
  });
  const ways = choice(
    "sendAs",
    [
      ["point", t("asPoint")],
      ["venue", t("asVenue")],
      ["live", t("asLive")],
    ],
    (value) => {
      as = value;
    },
  );
  const accuracies = choice(
    "accuracy",
    ACCURACIES_M.map((metres) => [
      String(metres),
      metres === 0 ? t("exact") : t("within", { n: metres }),
    ]),
    (value) => {
      accuracy = Number(value);
      mark();
    },
  );
  const confirm = el(
    "button",
    { type: "button", class: "primary", "data-testid": "map-confirm", on: { click: finish } },
    t(moving ? "movePlace" : "sendPlace"),
  );
  const dialog = openDialog(
    { class: "map-dialog", "aria-label": t("pickPlace"), "data-testid": "map-picker" },
    dialogHead(t("pickPlace"), () => dialog.close()),
    box,
    el(
      "div",
      { class: "map-side" },
      el("p", { class: "pick-hint" }, t("pickHint")),
      where,
      search,
      list,
      !moving && accuracies.group,
      !moving && !pointOnly && ways.group,
      el("div", { class: "coordinates" }, fields.latitude.label, fields.longitude.label),
      confirm,
    ),
  );

  const map = draw(box, data, point, CLOSE_ZOOM - 1.5);
  const marker = window.L.marker([point.latitude, point.longitude], {
    icon: pin(),
    draggable: true,
    keyboard: false,
  }).addTo(map);
  const doubt = window.L.circle([point.latitude, point.longitude], {
    radius: 0,
    className: "doubt",
    interactive: false,
  }).addTo(map);
  map.on("click", ({ latlng }) => put(latlng.lat, latlng.lng, null, false));
  marker.on("dragend", () => {
    const { lat, lng } = marker.getLatLng();
    put(lat, lng, null, false);
  });
  search.addEventListener("input", listPlaces);
  for (const name of ["latitude", "longitude"]) {
    fields[name].input.addEventListener("change", () => {
      const value = Number(fields[name].input.value);
      const limit = name === "latitude" ? 90 : 180;
      if (fields[name].input.value !== "" && Math.abs(value) <= limit) {
        put(
          name === "latitude" ? value : point.latitude,
          name === "longitude" ? value : point.longitude,
          null,
          true,
        );
      }
    });
  }
  put(point.latitude, point.longitude, null, true);
  listPlaces();
  confirm.focus();

  function coordinate(name) {
    const input = el("input", { type: "number", step: "any", "data-testid": `map-${name}` });
    return { input, label: el("label", {}, t(name), input) };
  }

  function choice(name, options, choose) {
    const group = el(
      "fieldset",
      { class: "choice" },
      el("legend", {}, t(name)),
      options.map(([value, label], index) =>
        el(
          "label",
          {},
          el("input", {
            type: "radio",
            name,
            value,
            checked: index === 0,
            "data-testid": `map-${name}-${value}`,
            on: { change: () => choose(value) },
          }),
          el("span", {}, label),
        ),
      ),
    );
    return { group };
  }

  function mark() {
    marker.setLatLng([point.latitude, point.longitude]);
    doubt.setLatLng([point.latitude, point.longitude]);
    doubt.setRadius(accuracy);
  }

  function put(latitude, longitude, place, move) {
    Object.assign(point, { latitude, longitude });
    named = place;
    fields.latitude.input.value = latitude.toFixed(6);
    fields.longitude.input.value = longitude.toFixed(6);
    const district = districtAt(data.districts, latitude, longitude);
    where.textContent = [
      place && featureName(place),
      district ? featureName(district) : t("outside"),
    ]
      .filter(Boolean)
      .join(" · ");
    for (const button of list.children)
      button.setAttribute("aria-pressed", String(place !== null && button.place === place));
    mark();
    if (move) map.setView([latitude, longitude], Math.max(map.getZoom(), CLOSE_ZOOM - 1.5));
  }

  function listPlaces() {
    const words = search.value.trim().toLowerCase();
    const found = data.places.features
      .filter(({ properties }) =>
        `${properties?.name_zh} ${properties?.name_en} ${properties?.name}`
          .toLowerCase()
          .includes(words),
      )
      .sort((a, b) => apart(point, placePoint(a)) - apart(point, placePoint(b)))
      .slice(0, LISTED);
    const buttons = found.map((place, index) => {
      const { latitude, longitude } = placePoint(place);
      const button = el(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-pressed": "false",
          "data-testid": `place-${index}`,
          on: { click: () => put(latitude, longitude, place, true) },
        },
        featureName(place),
      );
      button.place = place;
      return button;
    });
    if (taken && words === "") {
      buttons.unshift(
        el(
          "button",
          {
            type: "button",
            class: "chip",
            "data-testid": "place-taken",
            on: { click: () => put(taken.latitude, taken.longitude, null, true) },
          },
          icon("photo"),
          t("taken"),
        ),
      );
    }
    list.replaceChildren(
      ...(buttons.length > 0 ? buttons : [el("p", { class: "hint" }, t("noPlace"))]),
    );
  }

  function finish() {
    const { latitude, longitude } = point;
    const location = { latitude, longitude };
    if (accuracy) location.horizontal_accuracy = accuracy;
    if (as === "live") location.live_period = LIVE_SECONDS;
    dialog.close();
    if (as === "venue" && named) {
      const district = districtAt(data.districts, latitude, longitude);
      const address = district ? featureName(district) : "";
      chosen({ venue: { latitude, longitude, title: featureName(named), address } });
    } else {
      chosen({ location });
    }
  }
}

/**
 * Look at a place.
 *
 * @param {{latitude: number, longitude: number, horizontal_accuracy?: number}} place
 * @param {string} title - what stands above the map
 */
export async function showPlace(place, title) {
  let data;
  try {
    data = await geography();
  } catch (error) {
    toast(error.message);
    return;
  }
  const box = el("div", { class: "map" });
  const dialog = openDialog(
    { class: "map-dialog only", "aria-label": title, "data-testid": "map-view" },
    dialogHead(title, () => dialog.close()),
    box,
  );
  const map = draw(box, data, place, CLOSE_ZOOM - 1);
  const at = [place.latitude, place.longitude];
  if (place.horizontal_accuracy) {
    window.L.circle(at, {
      radius: place.horizontal_accuracy,
      className: "doubt",
      interactive: false,
    }).addTo(map);
  }
  window.L.marker(at, { icon: pin(), interactive: false }).addTo(map);
}
