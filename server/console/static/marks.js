// The rail's numbers, how much waits in a section: a page that stays open asks for them, and takes them from itself when it is fetched again.
const EVERY_MS = 60000;
const LIMIT_MS = 10000;

export function keepMarks() {
  async function ask() {
    if (document.hidden) return;
    try {
      const answer = await fetch("/live/marks", { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(LIMIT_MS) });
      if (answer.ok) showMarks(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the page says that the connection is lost */ }
  }
  setInterval(ask, EVERY_MS);
  document.addEventListener("visibilitychange", ask);
}

// page: one with the rail as it is now.
export function showMarks(page) {
  for (const link of document.querySelectorAll(".rail a")) {
    const twin = page.querySelector(`.rail a[data-go="${CSS.escape(link.dataset.go)}"]`);
    const [now, then] = [link, twin].map((one) => one?.querySelector(".mark-count"));
    if (now?.textContent === then?.textContent) continue;
    now?.remove();
    if (then) link.append(then);
  }
}
