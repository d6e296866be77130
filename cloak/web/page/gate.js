// What is said instead of the page, or above it, when the server cannot be used.

import { connection } from "./api.js";
import { byId, focusOn, show } from "./dom.js";
import { onLanguage, t } from "./i18n.js";

/** @type {string} */
let why = "";
let banner = "";

/** Listen to the connection. */
export function gate() {
  connection.addEventListener("unauthorised", () => shut("gate.wrong"));
  connection.addEventListener("gone", () => tell("offline.gone"));
  onLanguage(render);
}

/**
 * Say that the page cannot be used, and how to get one that can.
 * @param {"gate.missing"|"gate.wrong"} reason
 */
export function shut(reason) {
  why = reason;
  render();
  show(byId("gate"), true);
  show(byId("work"), false);
  show(byId("forget"), false);
  focusOn(byId("gate-title"));
}

/**
 * Say something above everything else.
 * @param {"offline.gone"|"offline.forgotten"|""} key of a text; "" for nothing
 */
export function tell(key) {
  banner = key;
  render();
}

/** Say no more that photos were forgotten: there are others. */
export function settle() {
  if (banner === "offline.forgotten") tell("");
}

function render() {
  if (why) byId("gate-why").textContent = t(why);
  show(byId("offline"), Boolean(banner));
  byId("offline").textContent = banner ? t(banner) : "";
}
