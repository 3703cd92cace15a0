// The scanners: a field each, in which somebody types what stands in the barcode, and a button that pulls the trigger.

/** Draw a field per scanner into `parent`, what is typed kept. `name(id)`: where it lies; `scan(id, text)`: called when it is triggered. */
export function drawScanners(parent, scanners, words, name, scan) {
  const typed = new Map([...parent.querySelectorAll("input")].map((input) => [input.dataset.scanner, input.value]));
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.scanner : null;
  parent.replaceChildren(...Object.keys(scanners).map((id) => {
    const row = document.createElement("div");
    row.className = "scan";
    const input = Object.assign(document.createElement("input"), {
      type: "text", maxLength: 4096, autocomplete: "off", spellcheck: false, placeholder: name(id), value: typed.get(id) ?? "",
    });
    input.dataset.scanner = id;
    input.setAttribute("aria-label", `${words.scanner} ${name(id)}`);
    const trigger = Object.assign(document.createElement("button"), { type: "button", className: "chip", textContent: words.scan });
    trigger.setAttribute("aria-label", `${words.scan} ${name(id)}`);
    const pull = () => {
      if (!input.value) return input.focus();
      input.select(); // the next code is typed over this one
      scan(id, input.value);
    };
    trigger.addEventListener("click", pull);
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") pull(); });
    row.append(input, trigger);
    return row;
  }));
  if (focused) parent.querySelector(`[data-scanner="${focused}"]`)?.focus();
}
