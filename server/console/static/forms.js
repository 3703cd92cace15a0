// Forms that call the API: what was typed stays, what is wrong is said beside it, what changed meanwhile is said too.
const LIMIT_MS = 30000;

export async function sendForm(form, submitter, language, _) {
  const place = form.querySelector("[data-problem]");
  clear(form, place);
  const gaps = [...form.elements].filter((one) => one.required && !one.value.trim() && !one.closest("[hidden]"));
  if (gaps.length) return complain(form, place, _("This is still to be filled in."), gaps[0].name);
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  try {
    const answer = await fetch(submitter?.dataset.api || form.dataset.api, request(form, submitter));
    if (answer.status === 401) return location.assign(`/sign-in?ended=1&to=${encodeURIComponent(location.pathname + location.search)}`);
    if (answer.ok) return await done(form, answer);
    const told = await answer.json();
    const text = language === "en" ? told.detail : told.detail_zh;
    if (answer.status !== 412) return complain(form, place, text, told.field);
    complain(form, place, _("Somebody changed this meanwhile. What you typed is still here; look at what it is now, then send again."), null);
    const link = Object.assign(document.createElement("a"), { href: location.href, target: "_blank", textContent: _("Show what it is now") });
    return place.append(" ", link);
  } catch {
    return complain(form, place, _("The server cannot be reached: nothing was sent, or nobody knows. Try again."), null);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function request(form, submitter) {
  const headers = {};
  if (form.dataset.version) headers["If-Match"] = `"${form.dataset.version}"`;
  const options = { method: form.dataset.method || "POST", headers, cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) };
  const file = form.querySelector("input[type=file]");
  if (file) {
    headers["Content-Type"] = file.files[0].type || "application/octet-stream";
    return { ...options, body: file.files[0] };
  }
  headers["Content-Type"] = "application/json";
  return { ...options, body: JSON.stringify(valuesOf(form, submitter)) };
}

// Names with dots are objects in objects; what is empty is left out; data-as says what a value is.
function valuesOf(form, submitter) {
  const values = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.matches("[type=checkbox], [type=radio]") && !field.checked)) continue;
    if (field.tagName === "BUTTON" && field !== submitter) continue;
    const value = valueOf(field);
    if (value === "") continue;
    const path = field.name.split(".");
    const last = path.pop();
    const inner = path.reduce((object, key) => (object[key] ??= {}), values);
    if (field.dataset.as === "list") (inner[last] ??= []).push(value);
    else inner[last] = value;
  }
  return "wrap" in form.dataset ? wrapped(form, values) : values;
}

function valueOf(field) {
  const text = field.value.trim();
  const { as } = field.dataset;
  if (as === "bool") return field.type === "checkbox" || text === "true";
  if (as === "number") return text && Number(text);
  return text;
}

// A handover's explanations: item → text becomes the list that the API takes.
function wrapped(form, values) {
  const said = Object.entries(values.item ?? {}).map(([item, text]) => ({ items: [Number(item)], text }));
  return { [form.dataset.wrap]: said };
}

async function done(form, answer) {
  if ("image" in form.dataset) {
    const image = form.parentElement.querySelector("img");
    image.src = await dataUrl(await answer.blob());
    image.hidden = false;
    form.hidden = true;
    return;
  }
  if (!form.dataset.then) return location.reload();
  const told = await answer.json();
  location.assign(form.dataset.then.replace("{id}", encodeURIComponent(told.id)));
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = reject;
    reader.readAsDataURL(blob);
  });
}

function clear(form, place) {
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  if (place) place.hidden = true;
}

function complain(form, place, text, name) {
  place.textContent = text;
  place.hidden = false;
  place.id ||= `problem-${Math.floor(performance.now())}`;
  const fields = [...form.elements].filter((one) => one.name);
  const field = name && (fields.find((one) => one.name === name) ?? fields.find((one) => one.name.startsWith(`${name}.`) || name.startsWith(`${one.name}.`)));
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", place.id);
    field.focus();
  } else place.scrollIntoView({ block: "nearest" });
}
