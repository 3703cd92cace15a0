// Clear values of persons: shown after a recorded look, beside the note that they are hidden again.
import { hideNow, showBriefly } from "./shown-briefly.js";

document.addEventListener("sent", (event) => {
  const form = event.target;
  if (!("look" in form.dataset)) return;
  event.preventDefault();
  const row = form.dataset.look;
  hideNow(row);
  const shown = [];
  for (const [field, text] of Object.entries(event.detail.told ?? {})) {
    const place = document.querySelector(`[data-clear="${CSS.escape(`${row}.${field}`)}"]`);
    if (!place || text === null) continue;
    shown.push([place, place.textContent]);
    place.textContent = text;
    place.dataset.shown = "";
  }
  form.reset();
  const details = form.closest("details");
  if (details) details.open = false;
  const note = document.getElementById("clear-note").cloneNode(true);
  note.removeAttribute("id");
  note.hidden = false;
  note.setAttribute("role", "status");
  (details ?? form).after(note);
  showBriefly(row, () => {
    for (const [place, masked] of shown) {
      place.textContent = masked;
      delete place.dataset.shown;
    }
    note.remove();
  });
});
