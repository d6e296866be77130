// What a file gives away, in the user's language.

import { el } from "./dom.js";
import { list, t } from "./i18n.js";
import { nameOf, valueOf } from "./phrases.js";
import { technical } from "./technical.js";

/** @typedef {import("./state.js").Photo} Photo */
/** @typedef {import("./state.js").Finding} Finding */

/** The worst first; "travels" is the inspection's word for everything else. */
const ORDER = ["where", "when", "device", "who", "cropped", "name", "travels"];

/** @param {Finding} finding */
function harmOf(finding) {
  return ORDER.includes(finding.harm) ? finding.harm : "travels";
}

/**
 * The findings of a photo that give something away, by harm. Faces are told of where they are chosen.
 * @param {Photo} photo
 * @returns {Map<string, Finding[]>}
 */
export function byHarm(photo) {
  const found = (photo.inspection?.findings ?? []).filter((one) => one.counts !== false && one.harm !== "faces");
  const groups = new Map();
  for (const harm of ORDER) {
    const some = found.filter((one) => harmOf(one) === harm);
    if (some.length) groups.set(harm, some);
  }
  return groups;
}

/**
 * Whether all of a file was looked at. Where it was not, nothing may be concluded from what was not found.
 * @param {Photo} photo
 */
function wholly(photo) {
  return photo.inspection?.complete !== false && !photo.inspection?.not_looked_for?.length;
}

/**
 * What was not looked at, if anything.
 * @param {Photo} photo
 */
function unseen(photo) {
  const { complete, problem, not_looked_for: unchecked = [] } = photo.inspection ?? {};
  return [
    complete === false && el("p", { class: "limit incomplete", text: t("leaks.incomplete") }),
    complete === false && problem && technical(problem),
    unchecked.length > 0 && el("p", { class: "limit incomplete", text: t("leaks.not_looked_for") }),
    unchecked.length > 0 && technical(unchecked.join("; ")),
  ];
}

/**
 * A summary that opens: what the file would have leaked, and whether there may be more.
 * @param {Photo} photo
 * @returns {HTMLElement}
 */
export function leaks(photo) {
  const groups = byHarm(photo);
  const more = unseen(photo);
  if (!groups.size) return el("div", {}, wholly(photo) && el("p", { class: "fine", text: t("leaks.none") }), ...more);
  const number = [...groups.values()].reduce((sum, some) => sum + some.length, 0);
  const kinds = list([...groups.keys()].map((harm) => t(`harm.${harm}.short`)));
  const summary = el("summary", {}, el("span", { class: "leak", text: t("leaks.summary", { kinds }) }),
    el("span", { class: "count", text: ` ${t("leaks.count", { n: number })}` }));
  const parts = [...groups].map(([harm, some]) => el("div", { class: "harm" }, el("h4", { text: t(`harm.${harm}`) }),
    el("dl", {}, ...some.flatMap((one) => [el("dt", nameOf(one.what)), el("dd", valueOf(one))]))));
  return el("div", {}, el("details", { class: "leaks" }, summary, ...parts, el("p", { class: "hint", text: t("leaks.removed") })), ...more);
}

/**
 * One sentence on all photos.
 * @param {Photo[]} photos
 */
export function overall(photos) {
  const seen = photos.filter((photo) => photo.inspection);
  if (seen.length < 2) return ""; // the one photo says so itself
  const with_ = seen.filter((photo) => byHarm(photo).size).length;
  const partly = seen.filter((photo) => !wholly(photo)).length;
  const more = partly ? t("leaks.all_incomplete", { n: partly, total: seen.length }) : "";
  if (!with_) return more || t("leaks.all_none");
  const kinds = ORDER.filter((harm) => seen.some((photo) => byHarm(photo).has(harm))).map((harm) => t(`harm.${harm}.short`));
  return `${t("leaks.all", { n: with_, total: seen.length, kinds: list(kinds) })} ${more}`.trim();
}
