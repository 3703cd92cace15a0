// Rows of devices in a form: added, removed and numbered; a scan becomes a serial number of the row that one is in.
import { numberTyped } from "./fields.js";

/** The page's form with rows, or null. */
export function listenToRows() {
  const form = document.querySelector("form[data-rows]");
  if (!form) return null;
  const name = form.dataset.rows;
  const list = form.querySelector("[data-rows-list]");
  const template = form.querySelector("[data-row-template]");
  let current = null;
  let unkept = false;

  const rows = () => [...list.querySelectorAll("[data-row]")];
  const field = (row, which) => row.querySelector(`[data-field="${which}"]`);
  const serials = (row) => (field(row, "serials") ? field(row, "serials").value.split(/[\s,，、;；]+/).filter(Boolean) : []);
  const quantity = (row) => Number(numberTyped(field(row, "quantity").value) || 1);
  const key = (text) => text.replace(/\s+/g, "").toUpperCase();

  function number() {
    rows().forEach((row, index) => {
      row.querySelector(".row-number").textContent = index + 1;
      for (const one of row.querySelectorAll("[name]")) one.name = `${name}.${index}.${one.dataset.field}`;
    });
  }

  function add(values = {}) {
    list.append(template.content.cloneNode(true));
    const row = list.lastElementChild;
    for (const [which, value] of Object.entries(values)) if (field(row, which)) field(row, which).value = value;
    number();
    current = row;
    return row;
  }

  function remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    current = null;
    number();
    (next?.querySelector("input, select, textarea") ?? form.querySelector("[data-act=add-row]")).focus();
    changed();
  }

  const changed = () => { unkept = true; form.dispatchEvent(new CustomEvent("rows")); };
  const isEmpty = (row) => [...row.querySelectorAll("input, textarea")].every((one) => one.type === "checkbox" || !one.value.trim());
  const holding = (serial) => rows().find((row) => serials(row).some((one) => key(one) === key(serial)) || (field(row, "device") && key(field(row, "device").value) === key(serial)));

  form.addEventListener("focusin", (event) => { current = event.target.closest("[data-row]") ?? current; });
  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-act=add-row]")) add().querySelector("input").focus();
    const gone = event.target.closest("[data-act=remove-row]");
    if (gone) remove(gone.closest("[data-row]"));
  });
  form.addEventListener("input", changed);
  form.addEventListener("fill", (event) => { // what was typed before the session ended comes back: as many rows as it had
    const numbers = Object.keys(event.detail).map((one) => (one.startsWith(`${name}.`) ? Number(one.split(".")[1]) : -1));
    while (rows().length <= Math.max(-1, ...numbers)) add();
  });
  form.addEventListener("filled", ({ detail }) => { // rows of which nothing is left after a conflict
    for (const row of rows()) {
      const values = [...row.querySelectorAll("[name]")].filter((one) => one.name in detail).map((one) => detail[one.name]);
      if (values.length && values.every((list) => !list.length)) row.remove();
    }
    number();
  });
  if (!rows().length && !document.querySelector("[data-pick]")) add();
  number();

  return {
    /** The row that has this serial number, or undefined. */
    holding,
    /** Whether rows were changed and not sent. */
    unkept: () => unkept,
    onChange: (listener) => form.addEventListener("rows", listener),
    counted: (model) => rows().filter((row) => !serials(row).length && key(field(row, "model").value) === key(model)).reduce((sum, row) => sum + quantity(row), 0),
    /** One more device of a model; without a serial number it is counted. */
    take(model, serial) {
      const same = rows().find((row) => key(field(row, "model").value) === key(model) && (serial ? serials(row).length > 0 : serials(row).length === 0));
      const row = same ?? rows().find(isEmpty) ?? add();
      field(row, "model").value = model;
      if (serial) field(row, "serials").value = [...serials(row), serial].join("\n");
      else field(row, "quantity").value = same ? quantity(row) + 1 : 1;
      current = row;
      changed();
    },
    /** One less. */
    drop(model, serial) {
      const row = serial ? holding(serial) : rows().findLast((one) => !serials(one).length && key(field(one, "model").value) === key(model));
      if (!row) return;
      if (serial) field(row, "serials").value = serials(row).filter((one) => key(one) !== key(serial)).join("\n");
      else field(row, "quantity").value = quantity(row) - 1;
      if (serial ? !serials(row).length : Number(field(row, "quantity").value) < 1) remove(row);
      else changed();
    },
    /** A scan: what came of it, {text, tone}. */
    scanned(text, _) {
      const there = holding(text);
      if (there) return { text: _("{text} stands on line {line} already.").replace("{text}", text).replace("{line}", rows().indexOf(there) + 1), tone: "bad" };
      if (field(list.firstElementChild ?? add(), "device")) {
        const row = rows().find(isEmpty) ?? add();
        field(row, "device").value = text;
        current = row;
      } else {
        const row = current?.isConnected ? current : rows().at(-1) ?? add();
        field(row, "serials").value = [...serials(row), text].join("\n");
        current = row;
      }
      changed();
      return { text: _("{text} → line {line}").replace("{text}", text).replace("{line}", rows().indexOf(current) + 1), tone: "good" };
    },
  };
}
