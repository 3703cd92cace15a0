// The browser's one stream, held by a SharedWorker; where there is none, one of this page's own while it is visible.
import { Feed } from "./feed.js";

const SILENT_MS = 14000; // nothing from the worker for so long: it is gone, or we were asleep
const AWAKE_MS = 6000; // so long it has after the page was out of sight

// tell(message) gets what feed.js tells, and {type: "down"} when the worker falls silent.
export function joinStream(language, last, tell) {
  let leave = () => {};
  let heardAt = Date.now();
  let down = false;
  const { session, static: files } = document.body.dataset;

  function hear(message) {
    heardAt = Date.now();
    if (message.type === "down") down = true;
    else if (message.type === "up" || message.type === "tick") down = false;
    tell(message);
  }

  setInterval(() => {
    if (down || document.hidden || Date.now() - heardAt <= SILENT_MS) return;
    down = true;
    tell({ type: "down", since: heardAt });
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) heardAt = Math.max(heardAt, Date.now() - SILENT_MS + AWAKE_MS); });

  function joinAlone() {
    let feed = null;
    const follow = () => {
      if (document.hidden) {
        feed?.close();
        feed = null;
      } else feed ??= new Feed(language, last(), hear);
    };
    document.addEventListener("visibilitychange", follow);
    follow();
    leave = () => feed?.close();
  }

  if (window.SharedWorker) {
    const name = `menjin ${language} ${session}`; // never another operator's stream
    const worker = new SharedWorker(`${files}/feed-worker.js`, { type: "module", name });
    worker.onerror = joinAlone;
    worker.port.onmessage = ({ data }) => hear(data);
    worker.port.postMessage({ type: "hello", language, after: last() });
    leave = () => worker.port.postMessage({ type: "bye" });
  } else joinAlone();
  window.addEventListener("pagehide", () => leave());
}
