// What was shown in clear after a recorded look (C4): hidden again after a minute, or when the page is out of sight.
const SHOWN_MS = 60000;
const hiding = new Map(); // what it is of → what hides it

export function showBriefly(of, hide) {
  hideNow(of);
  const once = () => {
    clearTimeout(timer);
    hiding.delete(of);
    hide();
  };
  const timer = setTimeout(once, SHOWN_MS);
  hiding.set(of, once);
}

export function hideNow(of) {
  hiding.get(of)?.();
}

const hideAll = () => { for (const hide of [...hiding.values()]) hide(); };
document.addEventListener("visibilitychange", () => { if (document.hidden) hideAll(); });
window.addEventListener("pagehide", hideAll);
