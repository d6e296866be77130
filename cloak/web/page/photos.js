// The list of photos: one card for each, with what it is about to give away, its faces, and what became of it.

import { ask, download, job, request } from "./api.js";
import { announce, byId, el, focusOn, save, show } from "./dom.js";
import { choices, framed } from "./faces.js";
import { leaks, overall } from "./findings.js";
import { current, size, t } from "./i18n.js";
import { outcome, problem, reasonOf } from "./results.js";
import { changed, know, state } from "./state.js";

/** @typedef {import("./state.js").Photo} Photo */

/** @type {Map<string, {card: HTMLElement, shape: string}>} */
const cards = new Map();

/** Bring the list up to date. A card is built anew only where it looks different: focus and open parts stay. */
export function renderPhotos() {
  const list = byId("photos");
  for (const [id, { card }] of cards) {
    if (state.photos.some((photo) => photo.id === id)) continue;
    card.remove();
    cards.delete(id);
  }
  state.photos.forEach((photo, place) => {
    const shape = [current(), photo.state, Boolean(photo.inspection), state.phase, state.run].join();
    const known = cards.get(photo.id);
    if (known?.shape === shape) return progress(known.card, photo);
    const made = build(photo);
    if (known) known.card.replaceWith(made);
    else list.insertBefore(made, list.children[place] ?? null);
    cards.set(photo.id, { card: made, shape });
  });
  show(byId("steps"), state.photos.length > 0);
  byId("drop").classList.toggle("compact", state.photos.length > 0);
  byId("leaks").textContent = overall(state.photos);
}

/** @param {Photo} photo */
function build(photo) {
  const title = el("h3", { text: photo.name || t("photo.nameless") });
  const head = el("div", { class: "card-head" },
    el("div", {}, title, el("p", { class: "count", text: size(photo.bytes) })), status(photo), removeButton(photo));
  const seen = Boolean(photo.inspection?.width);
  const card = el("li", { class: `card ${photo.state}`, "data-photo": photo.id }, seen ? framed(photo) : blank(photo),
    el("div", { class: "card-body" }, head, ...body(photo, seen)));
  progress(card, photo);
  return card;
}

/** @param {Photo} photo */
function blank(photo) {
  return el("div", { class: "frame blank", "aria-hidden": "true" }, el("span", { text: problem(photo) ? "!" : "…" }));
}

/**
 * @param {Photo} photo
 * @param {boolean} seen whether the server could look at it
 * @returns {(HTMLElement|null)[]}
 */
function body(photo, seen) {
  if (problem(photo)) return [reasonOf(photo), seen ? leaks(photo) : null];
  if (!seen) return [];
  if (photo.state === "done") return [outcome(photo), leaks(photo), saveButton(photo), again(photo)];
  const chooser = choices(photo);
  if (state.phase === "working") {
    // What runs was told what to do already; choices that change nothing would mislead.
    for (const one of chooser.querySelectorAll("input, button")) one.setAttribute("disabled", "");
  }
  return [bar(), leaks(photo), chooser];
}

/** The choices stay within reach for a run with other ones. @param {Photo} photo */
function again(photo) {
  if (!photo.inspection?.faces.length || state.phase === "working") return null;
  return el("details", { class: "again" }, el("summary", { text: t("photo.again") }), choices(photo));
}

function bar() {
  return el("progress", { class: "of-photo", max: 1, hidden: true });
}

/** @param {Photo} photo */
function status(photo) {
  return el("p", { class: `status ${photo.state}` }, el("span", { class: "mark", "aria-hidden": "true" }),
    el("span", { text: t(`state.${photo.outcome?.status === "stripped" && photo.state === "done" ? "stripped" : photo.state}`) }));
}

/** @param {HTMLElement} card @param {Photo} photo */
function progress(card, photo) {
  const line = card.querySelector("progress.of-photo");
  if (!(line instanceof HTMLProgressElement)) return;
  line.setAttribute("aria-label", t("progress.photo", { name: photo.name }));
  line.value = photo.progress ?? 0;
  show(line, photo.state === "working" || photo.state === "queued");
}

/** @param {Photo} photo */
function saveButton(photo) {
  return el("button", {
    type: "button", class: "save", text: t("download.file"), "aria-label": t("download.named", { name: photo.name }),
    click: async () => {
      try {
        const { blob, name } = await download(`/photos/${photo.id}/protected`, photo.name);
        save(blob, name);
        announce(t("download.saved", { name }));
      } catch (error) {
        announce(t("error.internal"));
        throw error;
      }
    },
  });
}

/** @param {Photo} photo */
function removeButton(photo) {
  if (state.phase === "working" || photo.state === "sending" || photo.state === "waiting") return null;
  return el("button", {
    type: "button", class: "remove", text: "×", "aria-label": t("photo.remove", { name: photo.name }),
    click: async () => {
      if (photo.state !== "refused") await request("DELETE", `/jobs/${job()}/photos/${photo.id}`).catch(() => null);
      state.photos = state.photos.filter((one) => one.id !== photo.id);
      state.choices.delete(photo.id);
      announce(t("photo.removed", { name: photo.name }));
      changed();
      focusOn(byId(state.photos.length ? "photos-title" : "title"));
    },
  });
}

/** Take up the job that this tab had before it was loaded again. */
export async function takeUp() {
  if (!job()) return;
  const told = await ask("GET", `/jobs/${job()}`);
  for (const photo of told.photos) know(photo);
}
