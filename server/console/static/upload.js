// Files: what may be chosen is said before, and checked before anything is sent; while one is sent, a bar says how far it is.
const LIMIT_MS = 180000;
const KINDS = { "image/jpeg": "JPEG", "image/png": "PNG", "application/pdf": "PDF" };

const mostBytes = (input) => Number(input.dataset.mostMib ?? 10) * 2 ** 20;

function kindsOf(input) {
  const taken = input.accept.split(",").map((one) => one.trim()).filter(Boolean);
  return taken.map((one) => KINDS[one] ?? one.replace(/^\./, "").toUpperCase()).join(" / ");
}

// Beside every file field: its kinds and its limit.
export function sayLimits(_) {
  for (const input of document.querySelectorAll("form[data-api] input[type=file]:not([data-limits-said])")) {
    input.dataset.limitsSaid = "";
    const text = [kindsOf(input), _("at most {size} MB").replace("{size}", Math.round(mostBytes(input) / 2 ** 20))].filter(Boolean).join(_(", "));
    input.insertAdjacentElement("afterend", Object.assign(document.createElement("small"), { className: "hint", textContent: text }));
  }
}

// Why this file would be refused, or null.
export function fileProblem(input, _) {
  const [file] = input.files;
  if (!file) return null;
  if (file.size === 0) return _("This file is empty: choose another.");
  if (file.size > mostBytes(input)) {
    const [size, most] = [file.size, mostBytes(input)].map((bytes) => (bytes / 2 ** 20).toFixed(1));
    return _("This file has {size} MB, and at most {most} MB are taken: make it smaller.").replace("{size}", size).replace("{most}", most);
  }
  const taken = input.accept.split(",").map((one) => one.trim()).filter((one) => one.includes("/"));
  if (taken.length && file.type && !taken.includes(file.type)) return _("A file of this kind is not taken. Choose one of: {kinds}").replace("{kinds}", kindsOf(input));
  return null;
}

// As fetch, with a bar in `form`. Rejects when the server cannot be reached.
export function upload(form, url, { method, headers, body }, _) {
  const bar = Object.assign(document.createElement("progress"), { max: 100 });
  bar.setAttribute("aria-label", _("Sending the file"));
  form.append(bar);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.timeout = LIMIT_MS;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.responseType = "blob";
    request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total; };
    request.onload = () => resolve(new Response(request.status === 204 ? null : request.response, { status: request.status }));
    request.onerror = request.ontimeout = () => reject(new Error("upload"));
    request.send(body);
  }).finally(() => bar.remove());
}

// Saves what the server answered as a file of the name that it gave.
export async function saveFile(answer) {
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "file";
  const href = URL.createObjectURL(await answer.blob());
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60000);
}
