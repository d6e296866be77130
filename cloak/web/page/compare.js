// Before and after, one over the other at 100 %, with a slider between them; or the difference, made stronger.

import { el } from "./dom.js";
import { t } from "./i18n.js";

/** What the difference is multiplied by: a cloak is a few grey levels, which nobody sees as they are. */
export const FACTOR = 10;
let number = 0;

/** Keep the style sheet's word on how many pixels of the screen one of the page is: it changes with zoom and screen. */
function measureScreen() {
  document.documentElement.style.setProperty("--screen-pixels", String(devicePixelRatio));
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", measureScreen, { once: true });
}
measureScreen();

/**
 * Pictures to compare.
 * @param {Blob} before
 * @param {Blob} after of the same size
 * @returns {Promise<HTMLElement>}
 */
export async function compare(before, after) {
  const [first, second] = await Promise.all([bitmap(before), bitmap(after)]);
  const { width, height } = first;
  // Canvases, not <img>: there is no address to give back later.
  const below = painted(first);
  const above = painted(second);
  const changes = painted(first);
  difference(changes, above);
  above.classList.add("above");
  changes.classList.add("changes");
  changes.setAttribute("hidden", "");
  const line = el("span", { class: "line", "aria-hidden": "true" });
  const stage = el("div", { class: "stage" }, below, above, line, changes);
  // One pixel of the picture is one pixel of the screen, of which phones have several to a pixel of the page.
  stage.style.width = onScreen(width);
  stage.style.height = onScreen(height);

  const id = `compare-${number++}`;
  const slider = /** @type {HTMLInputElement} */ (el("input", { type: "range", min: 0, max: 100, step: 1, value: 50, id }));
  const place = () => {
    const share = Number(slider.value);
    above.style.clipPath = `inset(0 0 0 ${share}%)`;
    line.style.left = `${share}%`;
    slider.setAttribute("aria-valuetext", t("compare.value", { before: share, after: 100 - share }));
  };
  slider.addEventListener("input", place);
  place();
  drag(stage, slider, place);
  const scroll = el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": t("compare.picture") }, stage);
  const ends = el("div", { class: "ends", "aria-hidden": "true" },
    el("span", { text: t("compare.before") }), el("span", { text: t("compare.after") }));
  const sliding = el("div", {}, el("label", { for: id, text: t("compare.slider") }), slider, ends);
  const says = el("p", { class: "hint", text: t("compare.scale") });
  // As wide as the picture, so that the slider's ends are the picture's; but not too narrow for a thumb.
  sliding.style.maxWidth = `max(${onScreen(width)}, 300px)`;
  return el("div", { class: "compare" }, views(id, (view) => {
    const changed = view === "difference";
    changes.toggleAttribute("hidden", !changed);
    sliding.toggleAttribute("hidden", changed);
    says.textContent = changed ? t("compare.factor", { factor: FACTOR }) : t("compare.scale");
  }), scroll, sliding, says);
}

/** A length of the style sheet that is so many pixels of the screen. @param {number} pixels */
function onScreen(pixels) {
  return `calc(${pixels}px / var(--screen-pixels))`;
}

/**
 * The choice between slider and difference.
 * @param {string} id
 * @param {(view: string) => void} chosen
 */
function views(id, chosen) {
  const option = (/** @type {string} */ value, /** @type {boolean} */ checked) => el("label", { class: "choice" },
    el("input", { type: "radio", name: `${id}-view`, value, checked, change: () => chosen(value) }),
    el("span", { text: t(`compare.view.${value}`) }));
  return el("fieldset", { class: "views" }, el("legend", { class: "unseen", text: t("compare.view") }),
    el("div", { class: "segments" }, option("slider", true), option("difference", false)));
}

/** Let the line follow the pointer. @param {HTMLElement} stage @param {HTMLInputElement} slider @param {() => void} place */
function drag(stage, slider, place) {
  const follow = (/** @type {PointerEvent} */ event) => {
    const { left, width } = stage.getBoundingClientRect();
    slider.value = String(Math.round((100 * (event.clientX - left)) / width));
    place();
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse") return; // fingers scroll here, and have the slider below
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
}

/** @param {Blob} blob */
function bitmap(blob) {
  // Colours as they are in the file: the difference must not be one between two conversions.
  return createImageBitmap(blob, { colorSpaceConversion: "none" });
}

/** @param {ImageBitmap} picture */
function painted(picture) {
  const canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { width: picture.width, height: picture.height }));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(picture, 0, 0);
  // Not by its width and height: browsers round those, and a row of pixels would be doubled or left out.
  canvas.style.transform = "scale(calc(1 / var(--screen-pixels)))";
  canvas.style.transformOrigin = "0 0";
  return canvas;
}

/**
 * Turn a canvas into its difference from another: grey where they are the same.
 * @param {HTMLCanvasElement} into
 * @param {HTMLCanvasElement} other
 */
function difference(into, other) {
  const context = /** @type {CanvasRenderingContext2D} */ (into.getContext("2d"));
  const { width, height } = into;
  const a = context.getImageData(0, 0, width, height);
  const b = /** @type {CanvasRenderingContext2D} */ (other.getContext("2d")).getImageData(0, 0, width, height).data;
  for (let at = 0; at < b.length; at += 1) {
    a.data[at] = at % 4 === 3 ? 255 : 128 + FACTOR * (b[at] - a.data[at]);
  }
  context.putImageData(a, 0, 0);
}

/**
 * The bytes of base64.
 * @param {string} text
 */
export function png(text) {
  return new Blob([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], { type: "image/png" });
}
