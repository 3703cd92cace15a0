// The one stream of this browser, shared by its tabs (a seventh connection would hang on HTTP/1.1).
import { Feed } from "./feed.js";

const ports = new Set();
let feed = null;

function tellAll(message) {
  for (const port of ports) port.postMessage(message);
}

self.addEventListener("connect", (event) => {
  const port = event.ports[0];
  port.onmessage = ({ data }) => {
    if (data.type === "bye") {
      ports.delete(port);
      if (ports.size === 0) {
        feed?.close();
        feed = null;
      }
      return;
    }
    ports.add(port);
    if (feed === null) feed = new Feed(data.language, data.after, tellAll);
    else for (const message of feed.join(data.after)) port.postMessage(message);
  };
  port.start();
});
