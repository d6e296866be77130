// What the page knows, and who wants to hear when it changes.

/**
 * @typedef {{index: number, box: number[], size: number, large: boolean}} Face
 * @typedef {{harm: string, what: string, value: string|null, counts: boolean}} Finding
 * @typedef {{container: string|null, width: number, height: number, findings: Finding[], faces: Face[], problem?: string|null}} Inspection
 * @typedef {"protect"|"blur"|"leave"} Treatment
 * @typedef {object} Photo
 * @property {string} id the server's, or one of this page's for a photo that the server has not, or not yet
 * @property {string} name
 * @property {number} bytes
 * @property {"waiting"|"sending"|"refused"|"ready"|"queued"|"working"|"done"|"failed"} state the first three are the page's own
 * @property {number} [progress]
 * @property {Inspection|null} [inspection]
 * @property {any} [outcome]
 * @property {any} [upload]
 * @property {{code: string, message: string}} [error] why it is refused or failed
 */

/**
 * @typedef {object} State
 * @property {any} settings
 * @property {Photo[]} photos
 * @property {Map<string, Record<number, Treatment>>} choices
 * @property {string} strength
 * @property {"idle"|"working"} phase
 * @property {number|null} secondsLeft
 * @property {number} run how many runs have ended, so that pictures of the last one are fetched anew
 */

/** @type {State} */
export const state = {
  settings: null,
  photos: [],
  choices: new Map(),
  strength: "balanced",
  phase: "idle",
  secondsLeft: null,
  run: 0,
};

/** @type {(() => void)[]} */
const listeners = [];
let due = false;

/**
 * Call something whenever the state has changed.
 * @param {() => void} listener
 */
export function onChange(listener) {
  listeners.push(listener);
}

/** Say that the state has changed. Many changes at once are told once. */
export function changed() {
  if (due) return;
  due = true;
  queueMicrotask(() => {
    due = false;
    for (const listener of listeners) listener();
  });
}

/**
 * Take over what the server says about a photo.
 * @param {Photo} told
 * @param {string} [instead] id under which the page has known it so far
 */
export function know(told, instead = told.id) {
  const place = state.photos.findIndex((photo) => photo.id === instead);
  if (place < 0) state.photos.push(told);
  else state.photos[place] = told;
  changed();
}

/** @returns {Photo[]} the photos that can be protected, or are */
export function usable() {
  return state.photos.filter((photo) => ["ready", "queued", "working", "done"].includes(photo.state) || retry(photo));
}

/** A photo whose faces were seen can be tried again. @param {Photo} photo */
function retry(photo) {
  return photo.state === "failed" && Boolean(photo.inspection?.width);
}

/** @returns {Photo[]} the photos that have a protected file */
export function finished() {
  return state.photos.filter((photo) => photo.state === "done");
}

/** @returns {Photo[]} those that could not be read or protected */
export function failures() {
  return state.photos.filter((photo) => photo.state === "failed" || photo.state === "refused");
}

/**
 * What is to be done with a face: what was chosen, else what is done by itself.
 * @param {Photo} photo
 * @param {Face} face
 * @returns {Treatment}
 */
export function treatment(photo, face) {
  return state.choices.get(photo.id)?.[face.index] ?? (face.large ? "protect" : "leave");
}

/**
 * Choose what is done with a face.
 * @param {Photo} photo
 * @param {Face} face
 * @param {Treatment} wanted
 */
export function choose(photo, face, wanted) {
  state.choices.set(photo.id, { ...state.choices.get(photo.id), [face.index]: wanted });
  changed();
}

/** Know of no photos any more. */
export function clear() {
  state.photos = [];
  state.choices.clear();
  state.phase = "idle";
  state.secondsLeft = null;
  changed();
}
