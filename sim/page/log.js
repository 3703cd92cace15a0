// The list of what just happened, newest first.

const LINES = 40;

/** A function that writes one line into `list`: a text, a mood (good, bad, wait, dim), and two marks. `zone()`: the site's time zone. */
export function logInto(list, zone) {
  return (text, mood = "", tag = "", extra = "") => {
    const line = document.createElement("li");
    line.className = mood;
    const time = document.createElement("time");
    time.textContent = new Date().toLocaleTimeString("en-GB", { timeZone: zone() });
    const what = document.createElement("span");
    what.textContent = text;
    line.append(time, what);
    for (const [kind, value] of [["tag", tag], ["extra", extra]])
      if (value) line.append(Object.assign(document.createElement("b"), { className: kind, textContent: value }));
    list.prepend(line);
    while (list.childElementCount > LINES) list.lastElementChild.remove();
  };
}
