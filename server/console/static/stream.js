// The browser's one stream, held by a SharedWorker; where there is none, one of this page's own while it is visible.
import { Feed } from "./feed.js";

export function joinStream(language, last, hear) {
  let leave = () => {};
  const { session, static: files } = document.body.dataset;

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
