// Protected photos go to one of the user's own destinations; who will see them, and until when, is said before the button.

import { ApiError, ask, job, request } from "./api.js";
import { announce, byId, el } from "./dom.js";
import { has, moment, t } from "./i18n.js";
import { finished, know, state } from "./state.js";
import { technical } from "./technical.js";

/** Offered times until an upload is deleted. Nothing said would be the destination's default, so "never" is said, too. */
const EXPIRES = ["1d", "7d", "30d", "90d", "never"];
const EVERY = 700;

/** @type {any[]} */
let destinations = [];
/** What is chosen, apart from the controls: these are built anew. */
const chosen = { destination: "", audience: "", expires: "30d", sure: false };
/** @type {Record<string, string>} */
let alts = {};
let sending = false;
/** Why it could not be begun. @type {ApiError|null} */
let problem = null;
let shape = "";

/** Ask which destinations there are. */
export async function upload() {
  try {
    destinations = await ask("GET", "/destinations");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problem = error;
  }
  if (destinations.length) choose(destinations.find((one) => one.ready) ?? destinations[0]);
}

/** @param {any} destination */
function choose(destination) {
  chosen.destination = destination.name;
  chosen.audience = destination.audience_default === "public" ? "" : destination.audience_default ?? "owner";
  chosen.expires = destination.expires_default ?? "30d";
  chosen.sure = false;
}

/** @returns {any} the chosen destination */
function destination() {
  return destinations.find((one) => one.name === chosen.destination);
}

/** Build the part for uploads anew where it looks different: a focus in it must stay. */
export function renderUpload() {
  const done = finished();
  const now = JSON.stringify([document.documentElement.lang, done.map((photo) => [photo.id, photo.upload]), chosen, sending, problem?.message]);
  if (now === shape) return;
  shape = now;
  const place = byId("upload");
  const focused = place.contains(document.activeElement) ? document.activeElement?.id : "";
  place.replaceChildren(...(destinations.length ? form(done.length) : howTo()), ...results(done));
  if (focused) document.getElementById(focused)?.focus();
}

function howTo() {
  return [el("p", { text: t("upload.none") }), el("pre", {}, el("code", { text: "cloak upload setup" })),
    el("p", { class: "hint", text: t("upload.none_then") })];
}

/** @param {number} number of photos */
function form(number) {
  const one = destination();
  const select = el("select", { id: "upload-to", change: (/** @type {any} */ event) => {
    choose(destinations.find((each) => each.name === event.target.value));
    renderUpload();
  } }, ...destinations.map((each) => {
    const option = new Option(`${each.name} (${kindOf(each)})`, each.name, false, each.name === chosen.destination);
    option.disabled = !each.ready;
    return option;
  }));
  const until = el("select", { id: "upload-expires", change: (/** @type {any} */ event) => {
    chosen.expires = event.target.value;
    renderUpload();
  } }, ...offered(one).map((each) => new Option(period(each, ""), each, false, each === chosen.expires)));
  return [
    el("div", { class: "options" },
      el("label", { class: "field" }, el("span", { text: t("upload.to") }), select),
      el("label", { class: "field" }, el("span", { text: t("upload.expires") }), until)),
    el("fieldset", {}, el("legend", { text: t("upload.audience") }), ...audiences(one)),
    chosen.audience === "public" && warning(),
    !one.can_expire && chosen.expires !== "never" && el("p", { class: "hint", text: t("upload.ledger") }),
    texts(),
    el("p", { class: "says summary", id: "upload-says", text: sentence(number) }),
    problem && refusal(problem),
    el("button", {
      type: "button", class: "primary", id: "upload-start", "aria-describedby": "upload-says", text: t("upload.button", { n: number }),
      disabled: sending || !one.ready || !chosen.audience || (chosen.audience === "public" && !chosen.sure), click: start,
    }),
  ].filter(Boolean);
}

/** What a destination is: most kinds are names of products. @param {any} one a destination */
function kindOf(one) {
  return one.kind === "folder" ? t("upload.kind.folder") : one.kind;
}

/** @param {any} one a destination */
function offered(one) {
  return [...new Set([...EXPIRES.slice(0, -1), one.expires_default, "never"])];
}

/**
 * A time until something is deleted, in words.
 * @param {string} expires as the server takes it: "30d", "never"
 * @param {""|".says"} form
 */
function period(expires, form) {
  if (expires === "never") return t(`expires.never${form}`);
  const days = /^(\d+)d$/.exec(expires);
  return days ? t(`expires.days${form}`, { n: Number(days[1]) }) : t(`expires.period${form}`, { period: expires });
}

/** @param {any} one */
function audiences(one) {
  const narrow = one.audience_default === "public" ? [] : [one.audience_default ?? "owner"];
  const possible = [...new Set([...narrow, ...(one.can_link ? ["link"] : []), ...(one.can_public ? ["public"] : [])])];
  return possible.map((each) => el("label", { class: "choice" },
    el("input", {
      type: "radio", name: "audience", id: `audience-${each}`, value: each, checked: chosen.audience === each,
      change: () => { chosen.audience = each; chosen.sure = false; renderUpload(); },
    }), el("span", { text: t(`audience.${each}`) })));
}

function warning() {
  return el("div", { class: "warning" }, el("p", {}, el("strong", { text: t("upload.public_warning") })),
    el("label", { class: "choice" }, el("input", {
      type: "checkbox", id: "upload-sure", checked: chosen.sure,
      change: (/** @type {any} */ event) => { chosen.sure = event.target.checked; renderUpload(); },
    }), el("span", { text: t("upload.public_sure") })));
}

/** @param {ApiError} error */
function refusal(error) {
  return el("div", { class: "why", role: "alert" },
    el("p", { text: t(has(`error.${error.code}`) ? `error.${error.code}` : "error.internal") }),
    technical(error.message));
}

/** What the pictures show, for those who cannot see them: the user's own words. */
function texts() {
  const open = byId("upload").querySelector("details")?.open ?? false; // as it was before it is built anew
  return el("details", { open }, el("summary", { text: t("upload.alt") }), ...finished().map((photo) =>
    el("label", { class: "field wide" }, el("span", { text: photo.name }), el("input", {
      type: "text", maxlength: 1000, id: `alt-${photo.id}`, value: alts[photo.id] ?? "",
      input: (/** @type {any} */ event) => { alts[photo.id] = event.target.value; },
    }))));
}

/** @param {number} number */
function sentence(number) {
  if (!chosen.audience) return t("upload.choose");
  const until = period(chosen.expires, ".says");
  return `${t("upload.says", { n: number, destination: chosen.destination })} ${t(`audience.${chosen.audience}.says`)} ${until}`;
}

async function start() {
  const given = Object.fromEntries(Object.entries(alts).filter(([, text]) => text.trim()));
  const json = {
    destination: chosen.destination, expires: chosen.expires, public: chosen.audience === "public",
    link: chosen.audience === "link", album: null, alt: given,
  };
  sending = true;
  problem = null;
  renderUpload();
  try {
    await request("POST", `/jobs/${job()}/upload`, { json });
    announce(t("upload.started"));
    await follow();
    announce(t("upload.ended"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problem = error;
  } finally {
    sending = false;
    renderUpload();
  }
}

async function follow() {
  for (;;) {
    await new Promise((wake) => setTimeout(wake, EVERY));
    const told = await ask("GET", `/jobs/${job()}`);
    if (!state.photos.length) return;
    for (const photo of told.photos) know(photo);
    const busy = (/** @type {any} */ photo) => ["queued", "working"].includes(photo.upload?.state);
    if (!told.photos.some(busy)) return;
  }
}

/** @param {import("./state.js").Photo[]} done */
function results(done) {
  const some = done.filter((photo) => photo.upload);
  if (!some.length) return [];
  return [el("h3", { text: t("upload.results") }), el("ul", { class: "uploads" }, ...some.map(result)),
    el("p", { class: "hint", text: t("upload.recall") })];
}

/** @param {import("./state.js").Photo} photo */
function result(photo) {
  const { state: now, id, audience, expires, link, password, message } = photo.upload;
  const where = link && /^https?:/.test(link) && el("a", { href: link, rel: "noreferrer noopener", target: "_blank", text: link });
  const until = expires ? t("upload.gone_on", { date: moment(expires) }) : t("expires.never.says");
  const facts = audience ? [t(`audience.${audience}.says`), until] : [];
  return el("li", { class: now }, el("strong", { text: photo.name }),
    el("p", { text: t(`upload.state.${now}`) }),
    where && el("p", {}, where),
    password && el("p", {}, `${t("upload.password")} `, el("code", { text: password })),
    el("p", { text: facts.join(" ") }),
    id && el("p", { class: "hint" }, `${t("upload.delete")} `, el("code", { text: `cloak uploads delete ${id}` })),
    message && technical(message));
}

/** Know of no uploads any more. */
export function forgetUpload() {
  alts = {};
  sending = false;
  problem = null;
  chosen.sure = false;
}
