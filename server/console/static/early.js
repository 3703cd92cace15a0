// What must work before the page's modules are there. A form that is sent early waits for them, instead of leaving by itself with what was typed in its address.
(() => {
  const waiting = new Map(); // form → the button that sent it
  window.earlyForms = waiting;
  const hold = (event) => {
    const form = event.target.form ?? event.target;
    if (!(form instanceof HTMLFormElement) || !form.matches("form[data-api]")) return;
    event.preventDefault();
    if (window.earlyForms) waiting.set(form, event.submitter ?? null);
  };
  window.addEventListener("submit", hold, true);
  window.addEventListener("invalid", hold, true);
  // Enter in a line of a scanner goes to the next field, and sends only from the last.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("input[data-next]")) return;
    event.preventDefault();
    document.getElementById(event.target.dataset.next).focus();
  });
})();
