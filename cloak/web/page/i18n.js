// The user's language: texts by key, numbers and plurals by the browser.

import { byId } from "./dom.js";

/** Each language by its own name. */
export const LANGUAGES = { en: "English", de: "Deutsch", nl: "Nederlands", fr: "Français" };
const KEPT = "cloak-language";

/** @type {Record<string, string>} */
let texts = {};
let language = "en";
/** @type {(() => void)[]} */
const listeners = [];

/** @returns {string} the language the page speaks */
export function current() {
  return language;
}

/**
 * Call something whenever the language has changed.
 * @param {() => void} listener
 */
export function onLanguage(listener) {
  listeners.push(listener);
}

/**
 * The text of a key. With `n`, the form for that number: `key.one` or `key.other`.
 * @param {string} key
 * @param {Record<string, string|number>} [values] for the {places} in it
 * @returns {string} the key itself if there is no such text, so that it is seen
 */
export function t(key, values = {}) {
  const plural = "n" in values && `${key}.other` in texts;
  // French has "many" for millions: its form is that of "other".
  const one = plural && new Intl.PluralRules(language).select(Number(values.n)) === "one";
  const text = texts[plural ? `${key}.${one ? "one" : "other"}` : key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? written(values[name]) : whole));
}

/**
 * Whether there is a text for a key.
 * @param {string} key
 */
export function has(key) {
  return key in texts;
}

/** How the user's region writes the language: British and American dates differ. */
function region() {
  return navigator.languages.find((one) => one.slice(0, 2).toLowerCase() === language) ?? language;
}

/** @param {string|number} value */
function written(value) {
  return typeof value === "number" ? new Intl.NumberFormat(region()).format(value) : value;
}

/**
 * A size as people read it.
 * @param {number} bytes
 */
export function size(bytes) {
  const [unit, by] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const digits = bytes < 1e6 || bytes >= 1e8 ? 0 : 1;
  const options = { style: "unit", unit, maximumFractionDigits: digits };
  return new Intl.NumberFormat(region(), /** @type {Intl.NumberFormatOptions} */ (options)).format(Math.max(bytes, 1e3) / by);
}

/**
 * A point in time, here.
 * @param {string} stamp ISO 8601
 */
export function moment(stamp) {
  return new Date(stamp).toLocaleString(region(), { dateStyle: "long", timeStyle: "short" });
}

/**
 * Several things in a row: "a, b and c".
 * @param {string[]} items
 * @param {"conjunction"|"disjunction"} [type] with "and", or with "or"
 */
export function list(items, type = "conjunction") {
  return new Intl.ListFormat(language, { type }).format(items);
}

/**
 * Speak a language from now on.
 * @param {string} wanted
 * @param {boolean} [keep] whether it was chosen by hand: then it is for next time, too
 */
export async function speak(wanted, keep = false) {
  const answer = await fetch(`page/languages/${wanted}.json`);
  texts = await answer.json();
  language = wanted;
  if (keep) localStorage.setItem(KEPT, wanted);
  document.documentElement.lang = wanted;
  translate(document);
  for (const listener of listeners) listener();
}

/** @returns {string} what was chosen before, else the first of the browser's languages that is there */
export function preferred() {
  const wishes = [localStorage.getItem(KEPT) ?? "", ...navigator.languages].map((one) => one.slice(0, 2).toLowerCase());
  return wishes.find((one) => one in LANGUAGES) ?? "en";
}

/** Fill in the texts of what index.html has: `data-t` for its content, `data-t-label` for its name. */
function translate(/** @type {ParentNode} */ root) {
  for (const one of root.querySelectorAll("[data-t]")) one.textContent = t(one.getAttribute("data-t") ?? "");
  for (const one of root.querySelectorAll("[data-t-label]")) {
    one.setAttribute("aria-label", t(one.getAttribute("data-t-label") ?? ""));
  }
  document.title = t("page.title");
}

/** Fill the choice of languages, and listen to it. */
export function languageChoice() {
  const select = byId("language");
  for (const [code, name] of Object.entries(LANGUAGES)) {
    const option = new Option(name, code, false, code === language);
    option.lang = code;
    select.append(option);
  }
  select.addEventListener("change", () => speak(select.value, true));
}
