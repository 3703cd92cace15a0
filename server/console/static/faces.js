// Photos beside the taps (B3): fetched once per page and tap while somebody looks, by who may see them; each look is recorded (C4).
import { call } from "./commands.js";

const KEPT = 60;
const faces = new Map(); // event → data URL, null while it is fetched, "" where it cannot be had

export function showFaces(_) {
  const may = document.body.dataset.may.split(" ").includes("personal.names");
  for (const image of document.querySelectorAll("img[data-face]")) {
    const { face } = image.dataset;
    const shown = faces.get(face);
    if (shown) {
      image.src = shown;
      image.hidden = false;
      image.nextElementSibling.hidden = true;
    } else if (!may) say(image, _("Your role sees no photos."));
    else if (shown === "") say(image, _("The photo cannot be shown."));
    else if (shown === undefined && !document.hidden) fetchFace(face, _);
  }
}

function say(image, text) {
  image.nextElementSibling.querySelector("span").textContent = text;
}

async function fetchFace(face, _) {
  faces.set(face, null);
  let found = "";
  try {
    const answer = await call(`/live/taps/${face}/photo`, {});
    if (answer.ok) found = await dataUrl(await answer.blob());
  } catch { /* said beside the image */ }
  faces.set(face, found);
  while (faces.size > KEPT) faces.delete(faces.keys().next().value);
  showFaces(_);
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = reject;
    reader.readAsDataURL(blob);
  });
}
