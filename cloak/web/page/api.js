// What the page says to the server, and what it makes of the answers.

const TOKEN = "cloak-token";
const JOB = "cloak-job";

/** An answer that is no success. `code` is the server's, or "gone" if there was no answer at all. */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {number} [status]
   * @param {number} [retry] seconds after which to try again
   */
  constructor(code, message, status = 0, retry = 0) {
    super(message);
    this.code = code;
    this.status = status;
    this.retry = retry;
  }
}

/** What happens to the connection: "gone", "back", "unauthorised". */
export const connection = new EventTarget();

let gone = false;

/**
 * Take the token out of the address, where it would be seen and copied, and keep it for this tab alone.
 * @returns {boolean} whether there is one
 */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    // Another token is another server, which knows nothing of the job.
    if (given !== sessionStorage.getItem(TOKEN)) sessionStorage.removeItem(JOB);
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname);
  }
  return Boolean(sessionStorage.getItem(TOKEN));
}

/**
 * Send a request.
 * @param {string} method
 * @param {string} path below /v1
 * @param {{json?: unknown, body?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal}} [what]
 * @returns {Promise<Response>} of a success
 * @throws {ApiError}
 */
export async function request(method, path, { json, body, headers = {}, signal } = {}) {
  const all = { ...headers, Authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` };
  if (json !== undefined) all["Content-Type"] = "application/json";
  let answer;
  try {
    const sent = json === undefined ? body : JSON.stringify(json);
    answer = await fetch(`v1${path}`, { method, body: sent, headers: all, signal, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    lost();
    throw new ApiError("gone", String(error));
  }
  if (answer.ok) return answer;
  throw await refused(answer);
}

/** @param {Response} answer */
async function refused(answer) {
  const retry = Number(answer.headers.get("Retry-After")) || 0;
  const told = await answer.json().catch(() => ({}));
  const code = typeof told.error === "string" ? told.error : "internal";
  if (answer.status === 401) {
    sessionStorage.removeItem(TOKEN);
    connection.dispatchEvent(new Event("unauthorised"));
  }
  return new ApiError(code, String(told.message ?? answer.statusText), answer.status, retry);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Parameters<typeof request>[2]} [what]
 * @returns {Promise<any>} what the answer's JSON says
 */
export async function ask(method, path, what) {
  return (await request(method, path, what)).json();
}

/** @returns {string|null} the job of this tab, also after it was loaded again */
export function job() {
  return sessionStorage.getItem(JOB);
}

/** @returns {Promise<string>} the job of this tab; a new one if there is none */
export function ensureJob() {
  const known = job();
  if (known) return Promise.resolve(known);
  // Two photos that come at once must not end up in two jobs.
  starting ??= ask("POST", "/jobs").then((made) => {
    sessionStorage.setItem(JOB, made.id);
    return made.id;
  }).finally(() => { starting = null; });
  return starting;
}
/** @type {Promise<string>|null} */
let starting = null;

/** Know of no job any more. */
export function forgetJob() {
  sessionStorage.removeItem(JOB);
}

/**
 * Send a photo as it is; the server looks at it.
 * @param {File} file
 * @param {AbortSignal} signal
 */
export async function sendPhoto(file, signal) {
  const headers = { "Content-Type": "application/octet-stream", "Cloak-Filename": encodeURIComponent(file.name) };
  return ask("POST", `/jobs/${await ensureJob()}/photos`, { body: file, headers, signal });
}

/**
 * A picture as a blob; it cannot be an address, for an <img> sends no token.
 * @param {string} path below the job
 */
export async function picture(path) {
  return (await request("GET", `/jobs/${job()}${path}`)).blob();
}

/**
 * A file to keep, and what the server calls it.
 * @param {string} path below the job
 * @param {string} fallback name
 */
export async function download(path, fallback) {
  const answer = await request("GET", `/jobs/${job()}${path}`);
  const told = answer.headers.get("Content-Disposition") ?? "";
  const extended = /filename\*=utf-8''([^;]+)/i.exec(told);
  const plain = /filename="([^"]+)"/i.exec(told);
  return { blob: await answer.blob(), name: extended ? decodeURIComponent(extended[1]) : plain?.[1] ?? fallback };
}

/** Say that the server does not answer, and look for it until it does. */
function lost() {
  if (gone) return;
  gone = true;
  connection.dispatchEvent(new Event("gone"));
  const timer = setInterval(async () => {
    if (!(await healthy())) return;
    clearInterval(timer);
    gone = false;
    connection.dispatchEvent(new Event("back"));
  }, 2000);
}

async function healthy() {
  try {
    return (await fetch("healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/** Notice a server that is gone while nobody asks it for anything. This does not keep the job alive. */
export function watch() {
  setInterval(async () => {
    if (!gone && !document.hidden && !(await healthy())) lost();
  }, 5000);
}
