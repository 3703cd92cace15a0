// Photos, kept while their page is open. Each fetch is a recorded look (C4): what was had is not asked for again, what cannot be had neither; what failed is.
import { dataUrl } from "./data-url.js";

const KEPT = 60;
const AGAIN_MS = 3000; // the server restarts, or the network is away
const TOO_MANY_MS = 60000;

export class Photos {
  #found = new Map(); // id → data URL, null while it is fetched, "" where it cannot be had

  of(id) {
    return this.#found.get(id);
  }

  // ask: () → the answer of the server; show: called when there is something new to show
  async fetch(id, ask, show) {
    this.#found.set(id, null);
    const found = await had(ask);
    if (typeof found === "number") {
      setTimeout(() => {
        this.#found.delete(id);
        show();
      }, found);
      return;
    }
    this.#found.set(id, found);
    while (this.#found.size > KEPT) this.#found.delete(this.#found.keys().next().value);
    show();
  }
}

// The photo, "" where there is none for us, or after how long to ask again.
async function had(ask) {
  try {
    const answer = await ask();
    if (answer.ok) return await dataUrl(await answer.blob());
    if (answer.status === 429) return TOO_MANY_MS;
    return answer.status < 500 ? "" : AGAIN_MS;
  } catch {
    return AGAIN_MS;
  }
}
