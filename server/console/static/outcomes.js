// What became of something whose dialog is gone: said at the window's foot. What went wrong stays there until somebody has seen it.
const SHOWN_MS = 6000;

export function tellOutcome(text, tone, _) {
  const told = document.createElement("p");
  told.className = `message ${tone}`;
  told.append(text);
  if (tone === "good") setTimeout(() => told.remove(), SHOWN_MS);
  else {
    const seen = Object.assign(document.createElement("button"), { type: "button", className: "act", textContent: _("Seen") });
    seen.onclick = () => told.remove();
    told.append(" ", seen);
  }
  document.getElementById("outcomes").append(told);
}
