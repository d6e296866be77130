// What an inspection writes about a finding in words of its own, in the user's language. What the file says stays as it is.

import { has, list, t } from "./i18n.js";

/** @typedef {import("./state.js").Finding} Finding */

/** Behind the end of a picture: the inspection's words, and what they are here. */
const BEHIND = {
  "a ZIP archive": "value.behind.zip", "a PDF": "value.behind.pdf", "a web page": "value.behind.web_page",
  "picture data, as a crop leaves it behind": "value.behind.crop", "a program": "value.behind.program",
  "a video": "value.behind.video", "notes of a Samsung phone": "value.behind.samsung",
};
const KIND = new RegExp(`(\\d+) further pictures?|${Object.keys(BEHIND).join("|")}`, "g");

/** What is said of an embedded picture behind its size. */
const LOOKS = {
  "looks like the picture": "value.looks_like", "LOOKS DIFFERENT from the picture": "value.looks_different",
  "could not be compared with the picture": "value.not_compared",
  "not looked at": "value.not_looked_at", "cannot be shown": "value.not_shown",
};

/** What a crop hides: how many pixels, and where. */
const SIDE = /(\d+) (left|right|at the top|at the bottom)/g;

/** Values of these names are English sentences that have no translation. */
const ENGLISH = new Set(["GPS entries without a position", "not part of a clean file"]);

/**
 * For names of findings: what a value looks like, and its words. A value is translated under the names alone under which
 * the inspection writes it; a caption that says "marked" is the user's own.
 * @type {[RegExp, RegExp, (...parts: string[]) => string][]}
 */
const PHRASES = [
  [/^position/, /^(.+) \(to about (\S+) (k?m)\)$/, (_, place, number, unit) =>
    t("value.about", { place, distance: Number(number), unit })],
  [/^altitude$/, /^(-?\d+) m (above|below) sea level$/, (_, metres, side) =>
    t(side === "above" ? "value.above_sea" : "value.below_sea", { metres: Number(metres) })],
  [/^direction /, /^(-?\d+)° \(([a-z-]+)\)$/, (_, degrees, name) =>
    `${degrees}° (${t(`value.compass.${name.replace("-", "_")}`)})`],
  [/^speed$/, /^(\S+) knots$/, (_, number) => t("value.knots", { number: Number(number) })],
  [/^camera settings$/, /^(.*, )?(\d+) more$/, (_, before = "", number) => before + t("value.more", { n: Number(number) })],
  [/^edit history$/, /^(\d+) steps(, .*)?$/, (_, number, programs = "") => t("value.steps", { n: Number(number) }) + programs],
  [/^editing settings$/, /^(\d+) settings of a photo editor$/, (_, number) => t("value.settings", { n: Number(number) })],
  [/^Photoshop settings$/, /^(\d+) entries$/, (_, number) => t("value.entries", { n: Number(number) })],
  [/^region of a face$/, /^marked$/, () => t("value.marked")],
  [/^colour profile$/, /^without a name(; .*)?$/, (_, rights = "") => t("value.nameless") + rights],
  [/^looks named by$/, /^screenshot$/, () => t("value.screenshot")],
  [/^looks named by$/, /^(.+) (phone|drone|camera)$/, (_, make, kind) => t(`value.made_by.${kind}`, { make })],
  [/^looks like the counter/, /^number (\d+), digital camera$/, (_, number) => t("value.counter.any", { number })],
  [/^looks like the counter/, /^number (\d+), (.+) camera$/, (_, number, makers) =>
    t("value.counter.of", { number, makers: list(makers.split(" or "), "disjunction") })],
  [/^data after the end of the picture$/, /^([\d,]+) bytes: (.+)$/, (_, size, kinds) =>
    t("value.behind", { size: bytes(size), kinds: list([...kinds.matchAll(KIND)].map(behind)) })],
  [/^size before it was changed$/, /^(\d+) x (\d+) pixels, now (\d+) x (\d+)$/, (_, across, down, width, height) =>
    t("value.now", { before: pixels(across, down), width, height })],
  [/^what was cropped away$/, /^pixels: (.+)$/, (_, sides) =>
    t("value.cropped", { sides: list([...sides.matchAll(SIDE)].map(([, number, side]) =>
      t(`value.cropped.${side.replaceAll(" ", "_")}`, { pixels: Number(number) }))) })],
];

/** @param {string} number as the inspection writes it: "1,234" */
function bytes(number) {
  return t("value.bytes", { n: Number(number.replaceAll(",", "")) });
}

/** @param {string} width @param {string} height */
function pixels(width, height) {
  return t("value.pixels", { width, height });
}

/** @param {RegExpMatchArray} found */
function behind(found) {
  return found[1] ? t("value.behind.pictures", { n: Number(found[1]) }) : t(BEHIND[/** @type {keyof BEHIND} */ (found[0])]);
}

/** @param {string} [word] */
function looks(word) {
  return word ? `, ${t(LOOKS[/** @type {keyof LOOKS} */ (word)])}` : "";
}

/**
 * Sizes, which stand under many names; what people wrote is none.
 * @param {Finding} finding
 */
function measured({ harm, value }) {
  if (harm === "who" || harm === "name" || !value) return "";
  const words = Object.keys(LOOKS).join("|");
  const area = new RegExp(`^(\\d+) x (\\d+) pixels(?:, (${words}))?$`).exec(value);
  if (area) return pixels(area[1], area[2]) + looks(area[3]);
  const size = new RegExp(`^(?:(.*), )?([\\d,]+) bytes(?:, (${words}))?$`).exec(value);
  return size ? (size[1] ? `${size[1]}, ` : "") + bytes(size[2]) + looks(size[3]) : "";
}

/**
 * What a finding says.
 * @param {Finding} finding
 * @returns {{text: string, lang?: string}} `lang` where it is in a language other than the page's, and known to be
 */
export function valueOf(finding) {
  const { what, value } = finding;
  if (!value) return { text: t("leaks.there") };
  if (ENGLISH.has(what)) return { text: value, lang: "en" };
  const cut = /^(.*…) \(([\d,]+) characters\)$/.exec(value);
  if (cut) return { text: `${cut[1]} (${t("value.characters", { n: Number(cut[2].replaceAll(",", "")) })})` };
  for (const [names, form, words] of PHRASES) {
    const found = names.test(what) && form.exec(value);
    if (found) return { text: words(...found) };
  }
  return { text: measured(finding) || value };
}

/** @param {string} name */
function keyed(name) {
  return `finding.${name.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/_$/, "")}`;
}

/**
 * What a finding is, in the user's language where the page knows it, else in English. A part of a name that the photo
 * says, such as the name of a tag, stays as it is.
 * @param {string} what
 * @returns {{text: string, lang?: string}}
 */
export function nameOf(what) {
  if (has(keyed(what))) return { text: t(keyed(what)) };
  const [, head, detail] = /^(.+?) \((.+)\)$/.exec(what) ?? /^(attribute) (.+)$/.exec(what) ?? [];
  const key = keyed(`${head} x`);
  if (!head || !has(key)) return { text: what, lang: "en" };
  return { text: t(key, { detail: detail === "without a name" ? t("value.nameless") : detail }) };
}
