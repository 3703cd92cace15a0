// Photos beside the taps (B3): fetched once per page and tap while somebody looks, by who may see them; each look is recorded (C4).
import { call } from "./commands.js";
import { Photos } from "./photos.js";

const faces = new Photos(); // by event

export function showFaces(_) {
  const may = document.body.dataset.may.split(" ").includes("personal.names");
  for (const image of document.querySelectorAll("img[data-face]")) {
    const { face } = image.dataset;
    const shown = faces.of(face);
    if (shown) {
      image.src = shown;
      image.hidden = false;
      image.nextElementSibling.hidden = true;
    } else if (!may) say(image, _("Your role sees no photos."));
    else if (shown === "") say(image, _("The photo cannot be shown."));
    else if (shown === undefined && !document.hidden) faces.fetch(face, () => call(`/live/taps/${face}/photo`, {}), () => showFaces(_));
  }
}

function say(image, text) {
  image.nextElementSibling.querySelector("span").textContent = text;
}
