// The picture of a photo with boxes around its faces, and for each face the choice of what is done with it.

import { picture } from "./api.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";
import { choose, treatment } from "./state.js";

/** @typedef {import("./state.js").Photo} Photo */
/** @typedef {import("./state.js").Face} Face */
/** @typedef {import("./state.js").Treatment} Treatment */

/** @type {Treatment[]} */
const TREATMENTS = ["protect", "blur", "leave"];
/** Twice what a thumbnail is wide, for screens with fine pixels. */
const SIDE = 720;

/** @type {Map<string, string>} addresses of pictures, until everything is deleted */
const pictures = new Map();

/**
 * Show a picture of the server in an <img>. It is fetched once, and only when it comes into sight.
 * @param {HTMLImageElement} image
 * @param {string} path below the job
 */
export function load(image, path) {
  const known = pictures.get(path);
  if (known) {
    image.src = known;
    return;
  }
  const sight = new IntersectionObserver(async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    sight.disconnect();
    try {
      const url = pictures.get(path) ?? URL.createObjectURL(await picture(path));
      pictures.set(path, url);
      image.src = url;
    } catch {
      image.alt = t("photo.no_picture");
    }
  }, { rootMargin: "300px" });
  sight.observe(image);
}

/** Give up all pictures. */
export function forgetPictures() {
  for (const url of pictures.values()) URL.revokeObjectURL(url);
  pictures.clear();
}

/**
 * The picture, with a box around each face.
 * @param {Photo} photo
 * @returns {HTMLElement}
 */
export function framed(photo) {
  const { width, height, faces } = /** @type {import("./state.js").Inspection} */ (photo.inspection);
  const image = /** @type {HTMLImageElement} */ (el("img", { alt: t("photo.alt", { name: photo.name }), width, height }));
  load(image, `/photos/${photo.id}/picture?which=original&side=${SIDE}`);
  const boxes = faces.map((face) => {
    const box = el("span", { class: "box", "aria-hidden": "true", "data-face": face.index },
      el("b", { text: String(face.index + 1) }));
    const [left, top, right, bottom] = face.box;
    box.style.left = `${(100 * left) / width}%`;
    box.style.top = `${(100 * top) / height}%`;
    box.style.width = `${(100 * (right - left)) / width}%`;
    box.style.height = `${(100 * (bottom - top)) / height}%`;
    box.dataset.treatment = treatment(photo, face);
    // A shortcut for those who point; everybody else has the choices beside the picture.
    box.addEventListener("click", () => chosen(photo, face)?.focus());
    return box;
  });
  return el("div", { class: "frame", id: `frame-${photo.id}` }, image, ...boxes);
}

/**
 * @param {Photo} photo
 * @param {Face} face
 * @returns {HTMLElement|null} the control of what is chosen
 */
function chosen(photo, face) {
  return document.querySelector(`#choices-${photo.id} [name="face-${photo.id}-${face.index}"]:checked`);
}

/**
 * The choices for all faces of a photo.
 * @param {Photo} photo
 * @returns {HTMLElement}
 */
export function choices(photo) {
  const { faces } = /** @type {import("./state.js").Inspection} */ (photo.inspection);
  if (!faces.length) return el("p", { class: "fine", text: t("faces.none") });
  const groups = faces.map((face) => group(photo, face));
  return el("div", { class: "choices", id: `choices-${photo.id}` },
    el("p", { class: "count", text: t("faces.found", { n: faces.length }) }),
    faces.length > 2 && everybody(photo, faces),
    ...groups);
}

/**
 * @param {Photo} photo
 * @param {Face} face
 */
function group(photo, face) {
  const name = `face-${photo.id}-${face.index}`;
  const options = TREATMENTS.map((one) => {
    const impossible = one === "protect" && !face.large;
    const radio = el("input", {
      type: "radio", name, value: one, checked: treatment(photo, face) === one, disabled: impossible,
      change: () => { choose(photo, face, one); reflect(photo); },
    });
    return el("label", { class: "choice", "data-treatment": one }, radio, el("span", { text: t(`treat.${one}`) }));
  });
  const made = el("fieldset", { class: "face" },
    el("legend", {}, el("b", { class: "badge", text: String(face.index + 1), "aria-hidden": "true" }),
      ` ${t("faces.face", { number: face.index + 1 })}`),
    el("div", { class: "segments" }, ...options),
    !face.large && el("p", { class: "hint", text: t("faces.small") }));
  const light = (/** @type {boolean} */ on) => boxOf(photo, face)?.classList.toggle("lit", on);
  made.addEventListener("focusin", () => light(true));
  made.addEventListener("focusout", () => light(false));
  made.addEventListener("pointerenter", () => light(true));
  made.addEventListener("pointerleave", () => light(false));
  return made;
}

/**
 * One choice for all faces: group photos have many.
 * @param {Photo} photo
 * @param {Face[]} faces
 */
function everybody(photo, faces) {
  const buttons = TREATMENTS.map((one) => el("button", {
    type: "button", class: "small", text: t(`treat.${one}`), "aria-label": t(`faces.all.${one}`),
    click: () => {
      for (const face of faces) choose(photo, face, one === "protect" && !face.large ? "leave" : one);
      reflect(photo);
    },
  }));
  return el("div", { class: "everybody" }, el("span", { text: t("faces.all") }), ...buttons);
}

/** @param {Photo} photo @param {Face} face */
function boxOf(photo, face) {
  return /** @type {HTMLElement|null} */ (document.querySelector(`#frame-${photo.id} [data-face="${face.index}"]`));
}

/** Show in boxes and controls what is chosen. @param {Photo} photo */
function reflect(photo) {
  for (const face of photo.inspection?.faces ?? []) {
    const now = treatment(photo, face);
    const box = boxOf(photo, face);
    if (box) box.dataset.treatment = now;
    const radio = document.querySelector(`#choices-${photo.id} [name="face-${photo.id}-${face.index}"][value="${now}"]`);
    if (radio instanceof HTMLInputElement) radio.checked = true;
  }
}
