// A form's fields: what is typed, what stood when the page came, and how both read for a person. Used by sending, conflicts and drafts.

const NOW = { text: (one) => one.value, on: (one) => one.checked, chosen: (one) => [...one.options].filter((option) => option.selected) };
const AS_IT_CAME = {
  text: (one) => one.defaultValue,
  on: (one) => one.defaultChecked,
  chosen: (one) => {
    const set = [...one.options].filter((option) => option.defaultSelected);
    return set.length || one.multiple ? set : [...one.options].slice(0, 1);
  },
};
const KEPT_BACK = "[type=password], [type=file], [type=hidden], button, output, fieldset"; // never in a draft or a table

function fieldsOf(form) {
  return [...form.elements].filter((one) => one.name && !one.matches(KEPT_BACK));
}

function read(form, how) {
  const values = {};
  for (const one of fieldsOf(form)) {
    const list = (values[one.name] ??= []);
    if (one.matches("[type=checkbox], [type=radio]")) { if (how.on(one)) list.push(one.value); }
    else if (one.tagName === "SELECT") list.push(...how.chosen(one).map((option) => option.value));
    else list.push(how.text(one));
  }
  return values;
}

// name → list of texts: what is in the fields now.
export const typedIn = (form) => read(form, NOW);
// name → list of texts: what was in the fields when the page came.
export const cameWith = (form) => read(form, AS_IT_CAME);

export const same = (one, other) => JSON.stringify(one ?? []) === JSON.stringify(other ?? []);

// Whether something is typed or chosen in it that was not sent.
export function isTyped(form) {
  const [typed, came] = [typedIn(form), cameWith(form)];
  if (Object.keys(typed).some((name) => !same(typed[name], came[name]))) return true;
  return [...form.elements].some((one) => one.matches("[type=file]") && one.files.length > 0);
}

// Puts values back; returns the names for which there is no place any more.
export function fill(form, values) {
  const lost = [];
  for (const [name, list] of Object.entries(values)) {
    const fields = fieldsOf(form).filter((one) => one.name === name);
    const left = [...list];
    for (const one of fields) {
      if (one.matches("[type=checkbox], [type=radio]")) {
        one.checked = list.includes(one.value);
        if (one.checked) left.splice(left.indexOf(one.value), 1);
      } else if (one.tagName === "SELECT") {
        for (const option of one.options) option.selected = list.includes(option.value);
        for (const option of one.selectedOptions) if (left.includes(option.value)) left.splice(left.indexOf(option.value), 1);
      } else if (left.length) one.value = left.shift();
      else one.value = "";
    }
    if (left.some((text) => text !== "")) lost.push(name);
  }
  return lost;
}

// What `twin` came with becomes what `form` came with; what is typed stays.
export function comeWith(form, twin) {
  const places = {};
  for (const one of fieldsOf(form)) {
    const place = (places[one.name] = (places[one.name] ?? -1) + 1);
    const other = fieldsOf(twin).filter((field) => field.name === one.name)[place];
    if (!other) continue;
    if (one.matches("[type=checkbox], [type=radio]")) {
      const { checked } = one;
      one.defaultChecked = other.defaultChecked;
      one.checked = checked;
    } else if (one.tagName === "SELECT") {
      const chosen = [...one.selectedOptions];
      for (const [index, option] of [...one.options].entries()) option.defaultSelected = other.options[index]?.defaultSelected ?? false;
      for (const option of one.options) option.selected = chosen.includes(option);
    } else {
      const { value } = one;
      one.defaultValue = other.defaultValue;
      one.value = value;
    }
  }
}

// A number as an input method writes it, in full-width digits too. What is none stays the text that it is: the server refuses it at its field, where null would mean "left out".
export function numberTyped(text) {
  const plain = text.normalize("NFKC").trim();
  const number = Number(plain);
  return plain && Number.isFinite(number) ? number : plain;
}

// The same form on another reading of its page: by id, else by where it sends to and its place among those.
export function keyOf(form) {
  if (form.id) return `#${form.id}`;
  const to = form.dataset.api;
  const alike = [...form.ownerDocument.querySelectorAll("form[data-api]")].filter((one) => !one.id && one.dataset.api === to);
  return `${form.dataset.method ?? "POST"} ${to} ${alike.indexOf(form)}`;
}

export function formOf(page, key) {
  return [...page.querySelectorAll("form[data-api]")].find((form) => keyOf(form) === key) ?? null;
}

// How a field is called on the page.
export function labelOf(form, name) {
  const field = fieldsOf(form).find((one) => one.name === name);
  if (!field) return name;
  const group = field.matches("[type=checkbox], [type=radio]") ? field.closest("fieldset")?.querySelector("legend") : null;
  const words = group ?? field.labels?.[0];
  const text = words ? wordsOf(words) : (field.getAttribute("aria-label") ?? field.placeholder ?? "");
  return text || name;
}

// How values of a field read: a choice by its words, a tick by its label.
export function shownAs(form, name, list) {
  const fields = fieldsOf(form).filter((one) => one.name === name);
  const words = (list ?? []).map((text) => {
    const option = fields.flatMap((one) => [...(one.options ?? [])]).find((one) => one.value === text);
    if (option) return option.textContent.trim();
    const tick = fields.find((one) => one.matches("[type=checkbox], [type=radio]") && one.value === text);
    return tick?.labels?.[0] ? wordsOf(tick.labels[0]) : text;
  });
  return words.filter(Boolean).join(" · ") || "—";
}

function wordsOf(label) {
  const bare = label.cloneNode(true);
  for (const inner of bare.querySelectorAll("input, select, textarea, button, datalist, .field-problem, .hint")) inner.remove();
  return bare.textContent.replace(/\s+/g, " ").trim();
}
