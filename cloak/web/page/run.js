// The run: started by the button, followed until it is done.

import { ApiError, ask, job, request } from "./api.js";
import { announce, byId, focusOn, show } from "./dom.js";
import { has, t } from "./i18n.js";
import { pending } from "./intake.js";
import { changed, finished, know, state, usable } from "./state.js";

const EVERY = 500;
/** People who listen hear of progress this often: more would drown everything else. */
const SAY_EVERY = 15_000;

let spoken = 0;
/** Each run and each deletion starts a new one: what an older one still hears is not to be believed. */
let round = 0;

/** Listen to the button, and fill in the formats. */
export function listenToRun() {
  byId("protect").addEventListener("click", start);
}

/** Fill the choice of formats in the language of now. */
export function renderFormats() {
  const select = byId("format");
  const before = select.value;
  const offered = (state.settings?.formats ?? []).filter((/** @type {string} */ one) => one !== "keep");
  select.replaceChildren(new Option(t("format.keep"), ""),
    ...offered.map((/** @type {string} */ one) => new Option(one.toUpperCase(), one)));
  select.value = before;
}

/** Show how far everything is. */
export function renderBar() {
  const ready = usable().length;
  const working = state.phase === "working";
  const button = byId("protect");
  const done = finished().length;
  button.textContent = done && done === ready ? t("bar.again") : t("bar.protect", { n: ready });
  button.disabled = working || !ready || pending() > 0;
  const line = byId("overall");
  show(line, working);
  line.value = ready ? usable().reduce((sum, photo) => sum + share(photo), 0) / ready : 0;
  byId("bar-text").textContent = working ? workingText(ready, done) : idleText(ready);
  for (const one of document.querySelectorAll("#strength, #format, [name=names]")) one.toggleAttribute("disabled", working);
}

/** @param {import("./state.js").Photo} photo */
function share(photo) {
  return photo.state === "done" || photo.state === "failed" ? 1 : photo.progress ?? 0;
}

/** @param {number} ready */
function idleText(ready) {
  if (pending()) return t("bar.looking", { n: pending() });
  if (!ready) return t("bar.nothing");
  const faces = usable().reduce((sum, photo) => sum + (photo.inspection?.faces.length ?? 0), 0);
  return `${t("bar.photos", { n: ready })}, ${t("bar.faces", { n: faces })}`;
}

/** @param {number} ready @param {number} done */
function workingText(ready, done) {
  const far = t("bar.progress", { done, total: ready });
  return state.secondsLeft === null ? far : `${far} ${left(state.secondsLeft)}`;
}

/** @param {number} seconds */
function left(seconds) {
  if (seconds < 50) return t("left.seconds", { n: Math.max(5, 5 * Math.round(seconds / 5)) });
  return t("left.minutes", { n: Math.max(1, Math.round(seconds / 60)) });
}

async function start() {
  const photos = Object.fromEntries(usable().map((photo) => [photo.id, { faces: state.choices.get(photo.id) ?? {} }]));
  const names = /** @type {HTMLInputElement} */ (document.querySelector("[name=names]:checked")).value;
  const json = { strength: state.strength, format: byId("format").value || null, names, photos };
  state.phase = "working";
  state.secondsLeft = null;
  changed();
  try {
    await request("POST", `/jobs/${job()}/start`, { json });
  } catch (error) {
    state.phase = "idle";
    changed();
    if (!(error instanceof ApiError)) throw error;
    tell(error);
    return;
  }
  announce(t("run.started"));
  spoken = Date.now();
  await follow();
}

/** @param {ApiError} error */
function tell(error) {
  const text = t(has(`error.${error.code}`) ? `error.${error.code}` : "error.internal");
  queueMicrotask(() => { byId("bar-text").textContent = text; });
  announce(text);
}

/** Follow the run until it is done. A server that does not answer is asked again: it may only be busy. */
export async function follow() {
  round += 1;
  const mine = round;
  state.phase = "working";
  while (mine === round) {
    const told = await look();
    if (mine !== round) return;
    if (told === null) return forgotten();
    if (told && told.state !== "working") return ended();
    speak();
    await new Promise((wake) => setTimeout(wake, EVERY));
  }
}

/** @returns {Promise<any>} what the job says; undefined if nothing could be heard; null if there is none any more */
async function look() {
  try {
    const told = await ask("GET", `/jobs/${job()}`);
    state.secondsLeft = told.seconds_left;
    for (const photo of told.photos) know(photo);
    return told;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status === 404 || error.status === 401 ? null : undefined;
  }
}

function speak() {
  if (Date.now() - spoken < SAY_EVERY) return;
  spoken = Date.now();
  announce(byId("bar-text").textContent ?? "");
}

function ended() {
  state.phase = "idle";
  state.secondsLeft = null;
  state.run += 1;
  changed();
  // After the page has been drawn, so that what gets the focus is there.
  setTimeout(() => {
    if (finished().length) focusOn(byId("results-title"));
    announce(t("run.done", { n: finished().length }));
  });
}

/** The server knows nothing of the photos any more. */
export function forgotten() {
  dispatchEvent(new Event("cloak-forgotten"));
}

/** Follow nothing any more. */
export function stopFollowing() {
  round += 1;
}
