/**
 * The districts and named places, and small still maps drawn from them: no tiles, nothing from outside.
 */

import * as api from "./api.js";
import { svg } from "./element.js";
import { current } from "./language.js";

const METRES_PER_DEGREE = 111_320;
const EMPTY = { type: "FeatureCollection", features: [] };

let loading = null;

/**
 * The map data, read once.
 *
 * @returns {Promise<{districts: Object, places: Object}>} two GeoJSON feature collections
 */
export function geography() {
  loading ??= Promise.all([api.districts(), api.places()])
    .then(([districts, places]) => ({ districts: districts ?? EMPTY, places: places ?? EMPTY }))
    .catch((error) => {
      loading = null;
      throw error;
    });
  return loading;
}

/** A feature's name in the page's language. */
export function featureName(feature) {
  const { name, name_zh: zh, name_en: en } = feature.properties ?? {};
  return (current() === "zh" ? (zh ?? name ?? en) : (en ?? name ?? zh)) ?? "";
}

/** Every outer or inner ring of a district. */
function rings({ geometry }) {
  if (geometry?.type === "Polygon") return geometry.coordinates;
  return geometry?.type === "MultiPolygon" ? geometry.coordinates.flat() : [];
}

/** The district a point lies in, by counting crossed borders; undefined outside all. */
export function districtAt(districts, latitude, longitude) {
  return districts.features.find((feature) => {
    let inside = false;
    for (const ring of rings(feature)) {
      for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
        const [xi, yi] = ring[i];
        const [xj, yj] = ring[j];
        const crosses = yi > latitude !== yj > latitude;
        if (crosses && longitude < ((xj - xi) * (latitude - yi)) / (yj - yi) + xi) inside = !inside;
      }
    }
    return inside;
  });
}

/** Roughly how far two points lie apart, in metres; good for a few kilometres. */
export function apart(a, b) {
  const north = (a.latitude - b.latitude) * METRES_PER_DEGREE;
  const east =
    (a.longitude - b.longitude) * METRES_PER_DEGREE * Math.cos((a.latitude * Math.PI) / 180);
  return Math.hypot(north, east);
}

/** A named place's point. */
export function placePoint(place) {
  const [longitude, latitude] = place.geometry.coordinates;
  return { latitude, longitude };
}

const WIDTH = 280;
const HEIGHT = 140;
const VIEW_M = 1800;
const GRID_M = 250;
const NAMED = 8;

/**
 * Draw a still map around a point, with a pin and the circle of its accuracy.
 *
 * @param {{districts: Object, places: Object}} data
 * @param {{latitude: number, longitude: number, horizontal_accuracy?: number}} point - accuracy in metres
 * @returns {SVGElement}
 */
export function sketch(data, point) {
  const accuracy = point.horizontal_accuracy ?? 0;
  const width = Math.max(VIEW_M, accuracy * 4);
  const scale = WIDTH / width;
  const squeeze = Math.cos((point.latitude * Math.PI) / 180);
  const x = (longitude) =>
    WIDTH / 2 + (longitude - point.longitude) * METRES_PER_DEGREE * squeeze * scale;
  const y = (latitude) => HEIGHT / 2 - (latitude - point.latitude) * METRES_PER_DEGREE * scale;
  const path = (ring) =>
    `M${ring.map(([lon, lat]) => `${x(lon).toFixed(1)} ${y(lat).toFixed(1)}`).join("L")}Z`;

  const zones = data.districts.features.map((feature, index) =>
    svg("path", {
      class: `zone zone-${index % 8}`,
      d: rings(feature).map(path).join(""),
      "fill-rule": "evenodd",
    }),
  );
  const grid = [];
  for (let step = (WIDTH / 2) % (GRID_M * scale); step < WIDTH; step += GRID_M * scale) {
    grid.push(`M${step} 0V${HEIGHT}`);
  }
  for (let step = (HEIGHT / 2) % (GRID_M * scale); step < HEIGHT; step += GRID_M * scale) {
    grid.push(`M0 ${step}H${WIDTH}`);
  }
  const near = data.places.features
    .map((place) => ({ place, distance: apart(point, placePoint(place)) }))
    .filter(({ distance }) => distance < width / 2.2)
    .sort((a, b) => a.distance - b.distance);
  const taken = [
    { left: WIDTH / 2 - 12, right: WIDTH / 2 + 12, top: HEIGHT / 2 - 30, bottom: HEIGHT / 2 - 9 },
  ];
  const marks = near.map(({ place }) => placeMark(place, x, y, taken)).slice(0, NAMED);
  return svg(
    "svg",
    {
      class: "sketch",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "xMidYMid slice",
      "aria-hidden": "true",
    },
    zones,
    svg("path", { class: "grid", d: grid.join("") }),
    marks,
    accuracy > 0 &&
      svg("circle", { class: "doubt", cx: WIDTH / 2, cy: HEIGHT / 2, r: accuracy * scale }),
    svg("path", {
      class: "pin",
      transform: `translate(${WIDTH / 2} ${HEIGHT / 2})`,
      d: "M0 0C-4-7-10-11-10-18A10 10 0 0 1 10-18C10-11 4-7 0 0Z",
    }),
    svg("circle", { class: "pin-eye", cx: WIDTH / 2, cy: HEIGHT / 2 - 18, r: 3.6 }),
  );
}

/**
 * A place's dot, with its name where no nearer name or the pin stands already.
 *
 * @param {{left: number, right: number, top: number, bottom: number}[]} taken - boxes in use; grows
 */
function placeMark(place, x, y, taken) {
  const { latitude, longitude } = placePoint(place);
  const [across, down] = [x(longitude), y(latitude)];
  const name = featureName(place);
  const length = [...name].reduce((sum, letter) => sum + (letter > "\u2e80" ? 10.5 : 5.8), 0);
  const leftward = across > WIDTH / 2;
  const left = leftward ? across - 5 - length : across + 5;
  const box = { left, right: left + length, top: down - 6, bottom: down + 6 };
  const free =
    box.left > 0 &&
    box.right < WIDTH &&
    taken.every(
      (other) =>
        box.right < other.left ||
        box.left > other.right ||
        box.bottom < other.top ||
        box.top > other.bottom,
    );
  if (free) taken.push(box);
  return svg(
    "g",
    { class: "place" },
    svg("circle", { cx: across, cy: down, r: 2.2 }),
    free && svg("text", { x: left, y: down + 3.5 }, name),
  );
}
