// Puts the page together.

import { ask, connection, ensureJob, forgetJob, job, request, takeToken, watch } from "./api.js";
import { announce, byId, focusOn, show } from "./dom.js";
import { forgetPictures } from "./faces.js";
import { gate, settle, shut, tell } from "./gate.js";
import { languageChoice, onLanguage, preferred, speak, t } from "./i18n.js";
import { intake, stopIntake } from "./intake.js";
import { renderPhotos, takeUp } from "./photos.js";
import { listenToDownloads, renderResults } from "./results.js";
import { follow, listenToRun, renderBar, renderFormats, stopFollowing } from "./run.js";
import { clear, onChange, state } from "./state.js";
import { forgetPreview, renderPreview, renderStrength, strengthSlider } from "./strength.js";
import { forgetUpload, renderUpload, upload } from "./upload.js";

function render() {
  if (state.photos.length) settle();
  renderPhotos();
  renderStrength();
  renderBar();
  renderResults();
  renderUpload();
  show(byId("forget"), state.photos.length > 0);
}

/** Say how long the server keeps what it has. */
function renderKeeps() {
  const seconds = state.settings?.limits?.keep_seconds;
  byId("keeps").textContent = seconds ? t("forget.note", { n: Math.max(1, Math.round(seconds / 60)) }) : t("forget.memory");
}

/** Forget everything on this side. */
function reset() {
  stopFollowing();
  stopIntake();
  forgetPreview();
  forgetPictures();
  forgetUpload();
  forgetJob();
  clear();
}

function listenToForget() {
  byId("forget").addEventListener("click", async () => {
    const known = job();
    reset();
    focusOn(byId("title"));
    try {
      if (known) await request("DELETE", `/jobs/${known}`);
      announce(t("forget.done"));
    } catch {
      // Gone, or it has no such job any more: either way it has nothing.
      announce(t("forget.done"));
    }
  });
}

async function begin() {
  const known = takeToken();
  await speak(preferred());
  languageChoice();
  gate();
  if (!known) return shut("gate.missing");
  state.settings = await ask("GET", "/settings");
  strengthSlider();
  intake();
  listenToRun();
  listenToDownloads();
  listenToForget();
  onChange(render);
  const again = () => {
    renderFormats();
    renderKeeps();
    render();
    return renderPreview();
  };
  onLanguage(again);
  await again();
  show(byId("work"), true);
  watch();
  await upload();
  await resume();
}

/** A page that was loaded again goes on with what the server still has. */
async function resume() {
  if (!job()) return;
  try {
    await takeUp();
  } catch {
    return forgetJob();
  }
  if (state.photos.some((photo) => photo.state === "queued" || photo.state === "working")) await follow();
}

// Somebody pastes the address of a server that was started anew.
addEventListener("hashchange", () => {
  if (takeToken()) location.reload();
});
addEventListener("cloak-forgotten", () => {
  reset();
  tell("offline.forgotten");
  focusOn(byId("title"));
});
connection.addEventListener("back", async () => {
  tell("");
  if (!job()) return;
  // A server that was started anew has none of the photos; one that was only slow has all.
  await ask("GET", `/jobs/${await ensureJob()}`).catch(() => dispatchEvent(new Event("cloak-forgotten")));
});

await begin();
