// A USB barcode scanner is a keyboard that types fast: what comes so and ends with Enter or Tab is told as a "scan" event on the document, wherever the
// focus is. What it typed into a field before it was known for a scan is taken out again, unless the field itself wants scans (data-scan-field), or nobody
// on the page does anything with it (then it was typed like anything else: so do password managers). Who takes a scan cancels the event.
const GAP_MS = 35; // between two keys; people need 60 and more
const LEAST = 4;

let text = "";
let lastAt = 0;
let field = null;
let before = null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.repeat) { // a key that is held: no scanner does it
    text = "";
    lastAt = 0;
    return;
  }
  const fast = event.timeStamp - lastAt <= GAP_MS;
  lastAt = event.timeStamp;
  if ((event.key === "Enter" || event.key === "Tab") && fast && text.length >= LEAST) {
    const scanned = text;
    text = "";
    lastAt = 0; // the next code begins anew, however fast it follows
    if (field?.matches("[data-scan-field]")) return;
    const typed = field?.value ?? null;
    if (field && before !== null) field.value = before;
    const taken = !document.dispatchEvent(new CustomEvent("scan", { cancelable: true, detail: { text: scanned } }));
    if (!taken && field) {
      field.value = typed;
      return;
    }
    event.preventDefault(); // nor does it press the button that has the focus
    event.stopImmediatePropagation();
  } else if (event.key.length === 1) {
    if (!fast) begin(event);
    text += event.key;
    if (fast && !field) event.stopImmediatePropagation(); // no shortcuts out of the middle of a code
  } else if (event.key !== "Shift") {
    text = "";
    lastAt = 0; // what comes after Escape or an arrow begins anew, however fast
  }
}, { capture: true });

function begin(event) {
  text = "";
  field = event.target.closest("input, textarea");
  before = field ? field.value : null;
}
