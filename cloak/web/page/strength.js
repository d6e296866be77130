// How much may be seen, and what that looks like on the first face, before anything is applied.

import { ApiError, ask, job } from "./api.js";
import { compare, png } from "./compare.js";
import { announce, byId, el } from "./dom.js";
import { has, t } from "./i18n.js";
import { changed, state, treatment, usable } from "./state.js";

/** Long enough that a slider on its way from one end to the other asks once. */
const PAUSE = 500;

let asked = new AbortController();
/** @type {ReturnType<typeof setTimeout>|undefined} */
let timer;
/** Whose face is shown, or asked for. @type {{photo: string, face: number}|null} */
let subject = null;
/** What is shown, so that a change of language can show it again. @type {{made: any, strength: string, name: string}|null} */
let shown = null;

/** @returns {string[]} the names of the strengths, from what is seen least */
function names() {
  return (state.settings?.strengths ?? []).map((/** @type {any} */ one) => one.name);
}

/** Set the slider up with what the server offers, and listen to it. */
export function strengthSlider() {
  const slider = byId("strength");
  const wanted = state.settings.strengths.find((/** @type {any} */ one) => one.default) ?? state.settings.strengths[0];
  state.strength = wanted.name;
  slider.max = String(names().length - 1);
  slider.value = String(names().indexOf(wanted.name));
  slider.addEventListener("input", () => {
    state.strength = names()[Number(slider.value)];
    changed();
    clearTimeout(timer);
    if (target() && state.phase === "idle") timer = setTimeout(preview, PAUSE);
  });
  byId("preview").addEventListener("click", preview);
}

/** @param {string} strength */
function named(strength) {
  return has(`strength.${strength}`) ? t(`strength.${strength}`) : strength;
}

/** Show the strength in words. */
export function renderStrength() {
  const slider = byId("strength");
  slider.setAttribute("aria-valuetext", named(state.strength));
  byId("strength-marks").replaceChildren(...names().map((one) =>
    el("span", { text: named(one), class: one === state.strength ? "now" : null })));
  const says = `strength.${state.strength}.says`;
  byId("strength-says").textContent = has(says) ? t(says) : "";
  byId("preview").disabled = !target() || state.phase === "working";
  if (subject && !cloaked(subject)) forgetPreview();
}

/** Whether a face is there still, and gets a cloak. @param {{photo: string, face: number}} which */
function cloaked(which) {
  const photo = usable().find((one) => one.id === which.photo);
  const face = photo?.inspection?.faces.find((one) => one.index === which.face);
  return Boolean(photo && face && treatment(photo, face) === "protect");
}

/** @returns {{photo: import("./state.js").Photo, face: import("./state.js").Face}|null} the first face that gets a cloak */
function target() {
  for (const photo of usable()) {
    const face = photo.inspection?.faces.find((one) => treatment(photo, one) === "protect" && one.large);
    if (face) return { photo, face };
  }
  return null;
}

/** Ask for the first face, cloaked; what was asked before is of no interest any more. */
async function preview() {
  const first = target();
  if (!first) return;
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  const { strength } = state;
  subject = { photo: first.photo.id, face: first.face.index };
  const place = byId("preview-place");
  place.replaceChildren(el("p", { class: "busy", text: t("preview.working", { strength: named(strength) }) }));
  announce(t("preview.working", { strength: named(strength) }));
  try {
    const json = { strength, face: first.face.index };
    const made = await ask("POST", `/jobs/${job()}/photos/${first.photo.id}/preview`, { json, signal });
    if (signal.aborted) return;
    shown = { made, strength, name: first.photo.name };
    await renderPreview();
    announce(t("preview.ready", { strength: named(strength) }));
  } catch (error) {
    if (signal.aborted) return;
    shown = null;
    const code = error instanceof ApiError && has(`error.${error.code}`) ? error.code : "internal";
    place.replaceChildren(el("p", { class: "why", role: "alert", text: t(`error.${code}`) }));
    if (!(error instanceof ApiError)) throw error;
  }
}

/** Show the preview that there is, in the language of now. */
export async function renderPreview() {
  if (!shown) return;
  const { made, strength, name } = shown;
  const view = await compare(png(made.before), png(made.after));
  byId("preview-place").replaceChildren(
    el("h3", { text: t("preview.title", { strength: named(strength), name }) }), view);
}

/** Show no preview any more. */
export function forgetPreview() {
  asked.abort();
  clearTimeout(timer);
  shown = null;
  subject = null;
  byId("preview-place").replaceChildren();
}
