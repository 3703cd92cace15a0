// Clear values of persons: shown after a recorded look, hidden again after a minute or when the page is out of sight.
const SHOWN_MS = 60000;
const hiding = new Map(); // row → what hides its values

document.addEventListener("sent", (event) => {
  const form = event.target;
  if (!("look" in form.dataset)) return;
  event.preventDefault();
  const row = form.dataset.look;
  hiding.get(row)?.();
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
  const hide = () => {
    clearTimeout(timer);
    for (const [place, masked] of shown) {
      place.textContent = masked;
      delete place.dataset.shown;
    }
    note.remove();
    hiding.delete(row);
  };
  const timer = setTimeout(hide, SHOWN_MS);
  hiding.set(row, hide);
});

const hideAll = () => { for (const hide of [...hiding.values()]) hide(); };
document.addEventListener("visibilitychange", () => { if (document.hidden) hideAll(); });
window.addEventListener("pagehide", hideAll);
