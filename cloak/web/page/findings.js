// What a file gives away, in the user's language.

import { el } from "./dom.js";
import { has, list, t } from "./i18n.js";

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
 * What a finding is, in the user's language where the page knows it, else in English.
 * @param {string} what
 */
function named(what) {
  const key = `finding.${what.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/_$/, "")}`;
  return has(key) ? el("dt", { text: t(key) }) : el("dt", { text: what, lang: "en" });
}

/**
 * A summary that opens: what the file would have leaked.
 * @param {Photo} photo
 * @returns {HTMLElement}
 */
export function leaks(photo) {
  const groups = byHarm(photo);
  if (!groups.size) return el("p", { class: "fine", text: t("leaks.none") });
  const number = [...groups.values()].reduce((sum, some) => sum + some.length, 0);
  const kinds = list([...groups.keys()].map((harm) => t(`harm.${harm}.short`)));
  const summary = el("summary", {}, el("span", { class: "leak", text: t("leaks.summary", { kinds }) }),
    el("span", { class: "count", text: ` ${t("leaks.count", { n: number })}` }));
  const parts = [...groups].map(([harm, some]) => el("div", { class: "harm" },
    el("h4", { text: t(`harm.${harm}`) }),
    el("dl", {}, ...some.flatMap((one) => [named(one.what), el("dd", { text: one.value || t("leaks.there") })]))));
  return el("details", { class: "leaks" }, summary, ...parts, el("p", { class: "hint", text: t("leaks.removed") }));
}

/**
 * One sentence on all photos.
 * @param {Photo[]} photos
 */
export function overall(photos) {
  const seen = photos.filter((photo) => photo.inspection);
  if (seen.length < 2) return ""; // the one photo says so itself
  const with_ = seen.filter((photo) => byHarm(photo).size).length;
  if (!with_) return t("leaks.all_none");
  const kinds = ORDER.filter((harm) => seen.some((photo) => byHarm(photo).has(harm))).map((harm) => t(`harm.${harm}.short`));
  return t("leaks.all", { n: with_, total: seen.length, kinds: list(kinds) });
}
