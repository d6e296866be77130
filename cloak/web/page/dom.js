// Small helpers for building the page. Text always goes in as text, never as markup.

/**
 * Make an element.
 * @param {string} tag
 * @param {Record<string, unknown>} [props] attributes; `class` and `text`; functions are listeners, `false` and null are left out
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") made.textContent = String(value);
    else if (typeof value === "function") made.addEventListener(name, /** @type {EventListener} */ (value));
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/**
 * The element with this id, which index.html has.
 * @param {string} id
 * @returns {any} its kind is known where it is used
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

/**
 * Show or hide.
 * @param {Element} element
 * @param {boolean} wanted
 */
export function show(element, wanted) {
  element.toggleAttribute("hidden", !wanted);
}

let said = "";

/**
 * Tell those who listen to the page, once the screen reader has a moment.
 * @param {string} text
 */
export function announce(text) {
  if (text === said) return;
  said = text;
  byId("live").textContent = text;
}

/**
 * Move the focus to something that is not a control, such as a heading.
 * @param {HTMLElement} element
 */
export function focusOn(element) {
  element.tabIndex = -1;
  element.focus();
}

/**
 * Hand a file to the browser's own download.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  // The browser reads the blob after the click returned; a minute is more than it needs.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
