// A spreadsheet is looked through first; what is wrong is listed by cell, and only a file without faults can be taken.

export function listenToFiles(language, _) {
  for (const form of document.querySelectorAll("form[data-table]")) prepare(form, language, _);
}

function prepare(form, language, _) {
  const [look, take, faults, said] = ["[data-act=look-through]", "[data-act=take]", "[data-table-faults]", "[data-table-said]"].map((one) => form.querySelector(one));
  const file = form.querySelector("[type=file]");

  function address(dry) {
    const query = new URLSearchParams();
    if (file.files[0]?.name.toLowerCase().endsWith(".csv")) query.set("format", "csv");
    if (dry) query.set("dry_run", "true");
    for (const one of form.querySelectorAll("[data-query]")) if (one.value.trim()) query.set(one.dataset.query, one.value.trim());
    return `${form.dataset.dry}?${query}`;
  }

  function begin() {
    take.hidden = true;
    look.hidden = false;
    faults.hidden = true;
    said.hidden = true;
  }

  file.addEventListener("change", begin);
  form.addEventListener("click", (event) => {
    if (event.target.closest("button") === look) form.dataset.api = address(true);
    if (event.target.closest("button") === take) form.dataset.api = address(false);
  });
  form.addEventListener("sent", (event) => {
    const { told } = event.detail;
    if (told.correction) {
      event.preventDefault();
      form.reset();
      location.assign(`/equipment/corrections/${told.correction.id}`);
    } else if (!told.order && !told.slip) {
      event.preventDefault();
      show(told);
    } else form.reset();
  });

  function show(told) {
    const wrong = told.faults.length;
    const text = wrong ? _("{count} things are wrong in it: nothing was taken. Correct the file and choose it again.") : _("{count} rows, and nothing is wrong. Nothing has changed yet.");
    said.textContent = text.replace("{count}", wrong || told.rows);
    said.className = `message ${wrong ? "bad" : "good"}`;
    said.hidden = false;
    faults.hidden = !wrong;
    faults.querySelector("tbody").replaceChildren(...told.faults.map((one) => line([one.sheet, one.cell || (one.row ? String(one.row) : "–"), one.field, language === "en" ? one.message : one.message_zh])));
    take.hidden = wrong > 0;
    look.hidden = !wrong;
    (wrong ? file : take).focus();
  }
}

function line(texts) {
  const row = document.createElement("tr");
  row.append(...texts.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return row;
}
