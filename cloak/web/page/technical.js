// Words of the server, which are English: for those who want to know more, or ask somebody.

import { el } from "./dom.js";
import { t } from "./i18n.js";

/**
 * Something in English that opens below what is said in the user's language.
 * @param {string} said
 * @returns {HTMLElement}
 */
export function technical(said) {
  return el("details", { class: "technical" }, el("summary", { text: t("said.label") }),
    el("p", { class: "hint", lang: "en", text: said }));
}
