// What became of photos, in plain words, with the limit of what that means.

import { download, picture } from "./api.js";
import { compare } from "./compare.js";
import { announce, byId, el, save, show } from "./dom.js";
import { has, size, t } from "./i18n.js";
import { failures, finished, state } from "./state.js";
import { technical } from "./technical.js";

/** @typedef {import("./state.js").Photo} Photo */

/** A share of 20 photos: people count photos, and more precision than that the estimate does not have. */
const OF = 20;

/** Whether a photo failed. @param {Photo} photo */
export function problem(photo) {
  return photo.state === "failed" || photo.state === "refused";
}

/**
 * Why a photo failed: by its code in the user's language, with what the server said below, to be opened.
 * @param {Photo} photo
 */
export function reasonOf(photo) {
  const code = photo.error?.code ?? photo.outcome?.error ?? "failed";
  const said = photo.error?.message ?? photo.outcome?.reason ?? "";
  const key = has(`error.${code}`) ? `error.${code}` : "error.failed";
  const limit = code === "too_large" ? state.settings?.limits?.bytes : 0;
  // The server's own words have what ours leave out.
  const more = limit ? el("p", { class: "hint", text: t("error.limit", { limit: size(limit) }) })
    : said && technical(said);
  return el("div", { class: "why" }, el("p", { text: t(key) }), more);
}

/**
 * The share of other photos of the person that the recogniser would probably miss.
 * @param {any} face
 */
function missed(face) {
  return face.missed ?? face.unmatched_elsewhere ?? 0;
}

/** Whether the recogniser still knows the very photo. @param {any} face */
function matched(face) {
  return face.matched_same_photo ?? face.scores?.find((/** @type {any} */ one) => one.witness)?.matched ?? false;
}

/** @param {any} face */
function words(face) {
  return t("verdict.face", { count: Math.round(OF * missed(face)), of: OF });
}

/**
 * What was done to a photo: each face with its verdict and its comparison.
 * @param {Photo} photo
 * @returns {HTMLElement}
 */
export function outcome(photo) {
  const told = photo.outcome ?? {};
  const cloaked = (told.faces ?? []).map((/** @type {any} */ face, /** @type {number} */ place) => {
    const index = indexOf(photo, face, place);
    return el("li", {}, el("p", {}, el("b", { class: "badge", text: String(index + 1), "aria-hidden": "true" }),
      el("span", { class: "unseen", text: `${t("faces.face", { number: index + 1 })}: ` }), ` ${words(face)}`), comparison(photo, index));
  });
  const blurred = (told.blurs ?? []).map((/** @type {any} */ face, /** @type {number} */ place) => {
    const index = indexOf(photo, face, place);
    return el("li", {}, el("p", {}, el("b", { class: "badge", text: String(index + 1), "aria-hidden": "true" }),
      el("span", { class: "unseen", text: `${t("faces.face", { number: index + 1 })}: ` }),
      ` ${t(matched(face) ? "verdict.blurred_known" : "verdict.blurred")}`), comparison(photo, index));
  });
  const left = told.left?.length ?? 0;
  return el("div", { class: "outcome" },
    !cloaked.length && !blurred.length && el("p", { text: t("verdict.stripped") }),
    el("ul", { class: "faces" }, ...cloaked, ...blurred),
    left > 0 && el("p", { class: "hint", text: t("verdict.left", { n: left }) }));
}

/**
 * Which face of the inspection a verdict is about: the one whose box it has.
 * @param {Photo} photo
 * @param {any} face
 * @param {number} place
 */
function indexOf(photo, face, place) {
  if (Number.isInteger(face.index)) return face.index;
  const faces = photo.inspection?.faces ?? [];
  const away = (/** @type {number[]} */ box) => box.reduce((sum, one, at) => sum + Math.abs(one - face.box[at]), 0);
  return face.box ? [...faces].sort((a, b) => away(a.box) - away(b.box))[0]?.index ?? place : place;
}

/** @param {Photo} photo @param {number} index */
function comparison(photo, index) {
  const made = el("details", { class: "comparison" }, el("summary", { text: t("compare.open") }));
  made.addEventListener("toggle", async () => {
    if (made.children.length > 1) return;
    const place = el("div", { text: t("compare.loading") });
    made.append(place);
    const path = `/photos/${photo.id}/faces/${index}?which=`;
    try {
      place.replaceWith(await compare(await picture(`${path}original`), await picture(`${path}protected`)));
    } catch {
      place.textContent = t("compare.failed");
    }
  });
  return made;
}

/** Show what came of all photos. */
export function renderResults() {
  const done = finished();
  const wanted = done.length > 0 && state.phase === "idle";
  show(byId("results"), wanted);
  show(byId("upload-section"), wanted);
  if (!wanted) return;
  byId("results-title").textContent = t("results.title", { n: done.length });
  byId("download-all").textContent = t(done.length > 1 ? "download.all" : "download.file");
  byId("verdict").replaceChildren(...verdict(done), ...failed());
}

/** @param {Photo[]} done */
function verdict(done) {
  const faces = done.flatMap((photo) => photo.outcome?.faces ?? []);
  const stripped = done.filter((photo) => photo.outcome?.status === "stripped").length;
  const lines = [el("p", { text: t("verdict.removed") })];
  if (stripped) lines.push(el("p", { text: t("verdict.stripped_only", { n: stripped }) }));
  const limit = el("p", { class: "limit", text: t("verdict.limit") });
  if (!faces.length) return done.some((photo) => photo.outcome?.blurs?.length) ? [...lines, limit] : lines;
  const share = faces.reduce((sum, face) => sum + missed(face), 0) / faces.length;
  const again = faces.filter(matched).length;
  const lost = faces.filter((face) => face.detected === false).length;
  const big = el("p", { class: "figure" }, el("strong", { text: t("verdict.figure", { count: Math.round(OF * share), of: OF }) }),
    el("span", { text: t("verdict.would_miss", { n: faces.length }) }));
  lines.push(big, el("p", { text: t("verdict.opinion") }),
    el("p", { text: t("verdict.same_photo", { count: again, total: faces.length }) }));
  if (lost) lines.push(el("p", { text: t("verdict.lost", { n: lost }) }));
  lines.push(limit);
  return lines;
}

function failed() {
  const some = failures();
  if (!some.length) return [];
  const items = some.map((photo) => el("li", {}, el("strong", { text: photo.name }), reasonOf(photo)));
  return [el("h3", { text: t("results.failed", { n: some.length }) }), el("ul", { class: "failed-list" }, ...items)];
}

/** Let all files be downloaded at once; one alone needs no archive around it. */
export function listenToDownloads() {
  byId("download-all").addEventListener("click", async () => {
    const says = byId("download-says");
    says.textContent = t("download.preparing");
    try {
      const done = finished();
      const { blob, name } = await (done.length > 1
        ? download("/archive", "cloak.zip") : download(`/photos/${done[0].id}/protected`, done[0].name));
      save(blob, name);
      says.textContent = t("download.saved", { name });
    } catch (error) {
      says.textContent = t("error.internal");
      announce(says.textContent ?? "");
      throw error;
    }
  });
}
