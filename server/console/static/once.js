// What a form's answer shows once: a password, a token, codes, a half of the recovery secret. The form's <template data-once> says how; [data-told] names what.
const dialog = document.getElementById("once");
const body = dialog.querySelector("[data-body]");

document.addEventListener("sent", (event) => {
  const { told } = event.detail;
  const template = [...event.target.querySelectorAll("template[data-once]")].find((one) => told?.[one.dataset.once]);
  if (!template) return;
  event.preventDefault();
  const shown = template.content.cloneNode(true);
  for (const place of shown.querySelectorAll("[data-told]")) fill(place, told[place.dataset.told]);
  body.replaceChildren(shown);
  dialog.showModal();
});

function fill(place, value) {
  if (place.tagName === "IMG") place.src = value;
  else if (place.dataset.as === "moment") place.textContent = moment(value);
  else place.textContent = Array.isArray(value) ? value.join("\n") : value;
}

function moment(text) {
  return new Date(text).toLocaleString(document.documentElement.lang, { timeZone: document.body.dataset.zone, dateStyle: "medium", timeStyle: "short" });
}

dialog.addEventListener("cancel", (event) => event.preventDefault()); // shown once: Esc must not take it away
dialog.querySelector("[data-act=once-print]").addEventListener("click", () => print());
dialog.querySelector("[data-act=once-done]").addEventListener("click", () => {
  body.replaceChildren();
  location.reload();
});
