// A door or an area, chosen on the plan or in the list: what stands there, and what may be ordered.
const $ = (id) => document.getElementById(id);
const KEY = "menjin.doors-as";

let shown = null; // {door, area} of the dialog, and the item that it was drawn from

export function openPlace({ door, area }) {
  const item = document.querySelector(door ? `#doors .door[data-door="${CSS.escape(door)}"]` : `#areas .area[data-area="${CSS.escape(area)}"]`);
  if (!item) return;
  const dialog = $("place");
  shown = { door, area, item };
  $("place-title").textContent = item.querySelector(door ? "h3" : ".name").textContent.trim();
  const state = item.cloneNode(true);
  for (const one of state.querySelectorAll("template, .acts, button, h3")) one.remove();
  for (const one of [state, ...state.querySelectorAll("[id], [data-item], [data-door], [data-area]")]) for (const name of ["id", "data-item", "data-door", "data-area"]) one.removeAttribute(name);
  const list = document.createElement("ul");
  list.className = "place-copy";
  list.append(state);
  $("place-state").replaceChildren(list);
  const acts = item.querySelector("template")?.content.cloneNode(true);
  $("place-acts").replaceChildren(...(acts ? [acts] : []));
  if (!dialog.open) dialog.showModal();
}

// The panels have changed: the open dialog says what stands now, and the focus stays on what it was on.
export function drawPlaceAnew() {
  const dialog = $("place");
  if (!dialog.open || shown.item.isConnected) return;
  const { act, point } = document.activeElement.dataset;
  openPlace(shown);
  if (dialog.contains(document.activeElement)) return;
  const same = [...$("place-acts").querySelectorAll("button")].find((one) => one.dataset.act === act && one.dataset.point === point && !one.disabled);
  (same ?? dialog.querySelector("form button")).focus();
}

export function showDoorsAs(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll("button[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
}

export function chooseDoorsAs(view) {
  try { localStorage.setItem(KEY, view); } catch { /* for this page only */ }
  showDoorsAs(view);
}

export function beginPlaces() {
  let chosen = null;
  try { chosen = localStorage.getItem(KEY); } catch { /* as the window's width suggests */ }
  showDoorsAs(["plan", "list"].includes(chosen) ? chosen : matchMedia("(max-width: 900px)").matches ? "list" : "plan");
  document.addEventListener("keydown", (event) => {
    const place = event.target.closest?.("[role=button][data-act=place]");
    if (!place || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    openPlace(place.dataset);
  });
}
