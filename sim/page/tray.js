// The table beside the goods door: papers and devices, whose labels are scanned by clicking them. And the ID documents that visitors bring to the guard.

const GOES_OUT = { slip: true, order: false };
const CANCEL = "MENJIN-CANCEL"; // printed beside every scanner

/** A function that draws a table into `parent`: (table, ways, words), `ways` as [scanner, leads out?, name]. `scan(scanner, text, shown)`: a trigger is pulled.
 *  Everything is scanned at the way that is chosen; a document chooses its own. */
export function makeTray(parent, scan) {
  let at = null;

  const choose = (scanner) => {
    at = scanner;
    for (const chip of parent.querySelectorAll("[data-at]")) chip.setAttribute("aria-pressed", chip.dataset.at === at);
  };

  /** Something with a label on it. */
  const labelled = (kind, text, inside, shown = text, before = () => {}) => {
    const made = button(kind, () => { before(); scan(at, text, shown); }, ...inside);
    made.dataset.label = text;
    return made;
  };

  return (table, ways, words) => {
    at ??= (ways.find(([, out]) => out) ?? ways[0])[0];
    const focused = keyOf(document.activeElement);
    const whereTo = ways.map(([id, , name]) => {
      const chip = button("chip", () => choose(id), name);
      chip.dataset.at = id;
      return chip;
    });
    const groups = [...table.papers, null].map((paper) => {
      const devices = table.devices.filter((device) => (device.paper ?? null) === (paper && paper.number));
      const head = paper
        ? labelled("paper", paper.code, [element("b", "", words.paper[paper.kind]), element("em", "", paper.customer ?? ""), element("span", "", paper.number)],
          paper.number, () => choose((ways.find(([, out]) => out === GOES_OUT[paper.kind]) ?? ways[0])[0]))
        : element("h3", "", words.otherDevices);
      const shown = devices.map((device) => labelled("device", device.serial,
        [element("b", "", device.serial), element("em", "", (!paper && device.customer) || device.model)]));
      return paper || devices.length ? element("div", paper ? "papers" : "papers others", head, ...shown) : "";
    });
    const sticker = labelled("chip sticker", CANCEL, [words.cancelCode]);
    parent.replaceChildren(element("div", "ways", element("span", "", words.scanAt), ...whereTo, sticker), element("div", "table", ...groups));
    choose(at);
    if (focused) [...parent.querySelectorAll("button")].find((each) => keyOf(each) === focused)?.focus();
  };
}

/** Who wants a badge, with the papers that they bring to the desk, to be saved; `parent` is hidden while nobody does. */
export function drawApplicants(parent, applicants, words) {
  parent.hidden = !applicants.length;
  parent.replaceChildren(element("h3", "", words.applicants), ...applicants.map((applicant, n) => element("div", "applicant",
    element("p", "document", element("b", "", applicant.name), element("span", "", `${words.idCard} ${applicant.id_number}`), element("em", "", applicant.customer)),
    element("p", "bring", words.save, ...Object.entries(words.brought).map(([part, name]) => {
      const link = Object.assign(element("a", "", name), { href: `/applicants/${n}/${part}`, download: `${applicant.name}-${part}.${part === "letter" ? "pdf" : "png"}` });
      link.setAttribute("aria-label", `${name} ${applicant.name}`);
      return link;
    })))));
}

/** Who is expected, with the ID document that they will show; `parent` is hidden while nobody is. */
export function drawVisitors(parent, visitors, words) {
  parent.hidden = !visitors.length;
  parent.replaceChildren(element("h3", "", words.visitors), ...visitors.map((visitor, n) => {
    const photo = Object.assign(element("a", "photo", words.photo), { href: `/visitors/${n}.png`, download: `${visitor.name}.png` });
    photo.setAttribute("aria-label", `${words.photo} ${visitor.name}`);
    return element("p", "document", element("b", "", visitor.name), element("span", "", `${words.idCard} ${visitor.id_number}`), photo);
  }));
}

const keyOf = (element) => element?.dataset.label ?? element?.dataset.at;

function element(name, kind, ...inside) {
  const made = document.createElement(name);
  made.className = kind;
  made.append(...inside);
  return made;
}

function button(kind, act, ...inside) {
  const made = element("button", kind, ...inside);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}
