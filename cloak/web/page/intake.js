// Photos come in: dropped, pasted, chosen, or a folder of them.

import { ApiError, sendPhoto } from "./api.js";
import { announce, byId } from "./dom.js";
import { t } from "./i18n.js";
import { changed, know, state } from "./state.js";

/** In a folder, what is no photo is passed over; what is dropped by itself is tried, so that it is told of. */
const PHOTO = /\.(jpe?g|jfif|png|webp|avif|hei[cf]|hif|tiff?)$/i;
/** Photos on their way at once: the next is read while the server looks at one. */
const AT_ONCE = 2;

/** @type {{id: string, file: File}[]} */
const waiting = [];
let sending = 0;
let number = 0;
let leaving = new AbortController();

/** Listen to all ways that photos come in. */
export function intake() {
  for (const [button, input] of [["add-files", "files"], ["add-folder", "folder"]]) {
    const field = byId(input);
    byId(button).addEventListener("click", () => field.click());
    field.addEventListener("change", () => {
      const files = [...field.files];
      add(input === "folder" ? photosOf(files) : files);
      field.value = ""; // the same files can be chosen again
    });
  }
  document.addEventListener("paste", (event) => add([...(event.clipboardData?.files ?? [])]));
  listenToDrops();
}

/** The whole window takes drops: a photo that misses the frame must not replace the page. */
function listenToDrops() {
  const frame = byId("drop");
  let inside = 0;
  const hover = (/** @type {number} */ by) => {
    inside = Math.max(0, inside + by);
    frame.classList.toggle("over", inside > 0);
  };
  addEventListener("dragenter", () => hover(1));
  addEventListener("dragleave", () => hover(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    hover(-inside);
    if (event.dataTransfer) add(await dropped(event.dataTransfer));
  });
}

/**
 * The files of a drop, those in folders too.
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>}
 */
async function dropped(transfer) {
  // The list is emptied as soon as this function waits for something: take what it has first.
  const files = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null);
  const folders = entries.filter((entry) => entry?.isDirectory);
  if (!folders.length) return files;
  const names = new Set(folders.map((folder) => folder?.name));
  const found = await Promise.all(folders.map((folder) => walk(/** @type {any} */ (folder))));
  return [...files.filter((file) => !names.has(file.name)), ...photosOf(found.flat())];
}

/**
 * @param {any} entry of the browser's file system
 * @returns {Promise<File[]>} the files in it, at any depth
 */
async function walk(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // Browsers tell of a hundred at a time, and of none at the end.
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found.flat();
    found.push(...(await Promise.all(some.map(walk))));
  }
}

/** @param {File[]} files */
function photosOf(files) {
  return files.filter((file) => !file.name.startsWith(".") && PHOTO.test(file.name));
}

/** @param {File[]} files */
function add(files) {
  if (!files.length) return;
  for (const file of files) {
    const id = `page-${number++}`;
    know({ id, name: file.name, bytes: file.size, state: "waiting" });
    const limit = state.settings?.limits?.bytes;
    if (limit && file.size > limit) refuse(id, file, new ApiError("too_large", ""));
    else waiting.push({ id, file });
  }
  announce(t("add.added", { n: files.length }));
  next();
}

/** Send what waits, as far as there is room. */
function next() {
  while (sending < AT_ONCE && waiting.length) {
    const { id, file } = /** @type {{id: string, file: File}} */ (waiting.shift());
    sending += 1;
    send(id, file).finally(() => {
      sending -= 1;
      next();
      changed();
    });
  }
}

/**
 * @param {string} id
 * @param {File} file
 */
async function send(id, file) {
  const { signal } = leaving;
  know({ id, name: file.name, bytes: file.size, state: "sending" });
  for (;;) {
    try {
      const photo = await sendPhoto(file, signal);
      if (!signal.aborted) know({ ...photo, name: photo.name ?? file.name, bytes: photo.bytes ?? file.size }, id);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.code !== "busy") return refuse(id, file, error);
      await new Promise((done) => setTimeout(done, 1000 * Math.max(1, error.retry)));
    }
  }
}

/**
 * @param {string} id
 * @param {File} file
 * @param {ApiError} error
 */
function refuse(id, file, error) {
  know({ id, name: file.name, bytes: file.size, state: "refused", error: { code: error.code, message: error.message } });
}

/** @returns {number} photos that are not at the server yet */
export function pending() {
  return waiting.length + sending;
}

/** Send nothing more. */
export function stopIntake() {
  leaving.abort();
  leaving = new AbortController();
  waiting.length = 0;
  changed();
}
