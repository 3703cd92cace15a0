// Approvals: what was just decided is said on the page that follows, once its card is gone.
const DECIDED = "menjin.decided";

document.addEventListener("sent", (event) => {
  const { decides } = event.target.dataset;
  const card = event.target.closest(".verdict");
  if (!decides || !card) return;
  sessionStorage.setItem(DECIDED, JSON.stringify({ id: card.id, what: `${decides} · ${card.querySelector("h2").textContent.trim()}` }));
});

const decided = JSON.parse(sessionStorage.getItem(DECIDED) ?? "null");
sessionStorage.removeItem(DECIDED);
const place = document.getElementById("decided");
if (decided) {
  place.textContent = place.dataset.text.replace("{what}", decided.what);
  place.hidden = false;
  place.scrollIntoView({ block: "center" });
}
