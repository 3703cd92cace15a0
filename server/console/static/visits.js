// The desk: a scan finds the visit, fills the card that is lent, or says that it is back; a photo of the camera is sent at once.
import { whenAlone } from "./keys.js";
import { openScanned } from "./scanned.js";

const $ = (id) => document.getElementById(id);
if (location.pathname === "/visits/search") history.replaceState(null, "", "/visits"); // what was searched is not asked again

document.addEventListener("scan", (event) => {
  const { text } = event.detail;
  event.preventDefault();
  const card = $("card");
  const back = document.querySelector("input[name=badge][value=returned]");
  if (card && [...$("cards").options].some((one) => one.value === text)) {
    card.value = text;
    $("visitor-badge").focus();
  } else if (back?.dataset.numbers.split(" ").includes(text)) {
    back.checked = true;
    back.form.elements.content.focus();
  } else openScanned(text);
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("#give-photo");
  if (form && !event.isTrusted) form.requestSubmit(); // of the camera; a chosen file waits for its button
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-act=to-find]")) $("find").select();
});

// The declaration, item by item: y or n says it, and goes on to the next.
document.addEventListener("keydown", (event) => {
  const at = document.activeElement; // the key before may have gone on to it just now
  const item = at.closest(".declaration li");
  if (!item || at.type !== "radio" || event.ctrlKey || event.metaKey || event.altKey || !"yn".includes(event.key)) return;
  event.preventDefault();
  whenAlone(event, () => {
    const [yes, no] = item.querySelectorAll("input[type=radio]");
    (event.key === "y" ? yes : no).checked = true;
    if (event.key === "n") item.querySelector("input[type=text], input:not([type])").focus();
    else (item.nextElementSibling?.querySelector("input[type=radio]") ?? item.closest("form").querySelector("button")).focus();
  });
});
