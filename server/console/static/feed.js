// One live stream: holds the EventSource, notices silence, connects again where it was.
// Runs inside a SharedWorker, or in the page where there is none.
const WATCHDOG_MS = 12000; // the server ticks every 5 s
const RETRY_MS = [500, 1000, 2000, 3000];
const KEPT_ROWS = 400;

export class Feed {
  // tell(message) gets {type: "row"|"reset"|"panels"|"tick"|"up"|"down"|"signed-out", …}
  constructor(language, after, tell) {
    this.language = language;
    this.last = after;
    this.tell = tell;
    this.source = null;
    this.tries = 0;
    this.heardAt = Date.now();
    this.up = null;
    this.rows = []; // the newest, for pages that join
    this.rowsAfter = after;
    this.panels = {};
    this.tick = null;
    this.watch = setInterval(() => this.check(), 1000);
    this.connect();
  }

  close() {
    this.closed = true;
    clearInterval(this.watch);
    clearTimeout(this.retry);
    this.source?.close();
  }

  connect() {
    if (this.closed) return;
    this.source?.close();
    this.connectedAt = Date.now();
    const source = new EventSource(`/live/stream?language=${this.language}&after=${this.last}`);
    this.source = source;
    source.addEventListener("tick", (event) => this.hear(event, (data) => {
      this.tries = 0;
      this.tick = JSON.parse(data);
      if (this.up !== true) {
        this.up = true;
        this.tell({ type: "up" });
      }
      this.tell({ type: "tick", ...this.tick });
    }));
    source.addEventListener("panels", (event) => this.hear(event, (data) => {
      const panels = JSON.parse(data);
      Object.assign(this.panels, panels);
      this.tell({ type: "panels", panels });
    }));
    source.addEventListener("row", (event) => this.hear(event, (html) => {
      const seq = Number(event.lastEventId);
      if (seq <= this.last) return;
      this.last = seq;
      this.rows.push({ seq, html });
      if (this.rows.length > KEPT_ROWS) this.rowsAfter = this.rows.shift().seq;
      this.tell({ type: "row", seq, html });
    }));
    source.addEventListener("reset", (event) => this.hear(event, (html) => {
      this.last = Number(event.lastEventId);
      this.rows = [];
      this.rowsAfter = this.last;
      this.tell({ type: "reset", seq: this.last, html });
    }));
    source.addEventListener("ended", () => this.lost());
    source.onerror = () => this.lost();
  }

  hear(event, act) {
    if (event.target !== this.source) return;
    this.heardAt = Date.now();
    act(event.data);
  }

  check() {
    const quiet = Date.now() - Math.max(this.heardAt, this.connectedAt);
    if (this.source && quiet > WATCHDOG_MS) this.lost();
  }

  async lost() {
    this.source?.close();
    this.source = null;
    if (this.up !== false) {
      this.up = false;
      this.tell({ type: "down", since: this.heardAt });
    }
    clearTimeout(this.retry);
    const wait = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
    try {
      const answer = await fetch("/api/v1/session", { cache: "no-store", signal: AbortSignal.timeout(WATCHDOG_MS) });
      const who = answer.ok ? await answer.json() : null;
      if (answer.status === 401 || answer.status === 403 || (who && who.must_change)) {
        this.close();
        this.tell({ type: "signed-out" });
        return;
      }
    } catch { /* the server is away: try again */ }
    if (this.closed) return; // the last page left while it was asked
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), wait);
  }

  // What a page that shows events up to `after` must be told to be where this feed is.
  join(after) {
    const messages = [];
    if (after < this.rowsAfter) messages.push({ type: "reload" });
    for (const row of this.rows) if (row.seq > after) messages.push({ type: "row", ...row });
    if (Object.keys(this.panels).length) messages.push({ type: "panels", panels: this.panels });
    if (this.tick && this.up) messages.push({ type: "up" }, { type: "tick", ...this.tick });
    if (this.up === false) messages.push({ type: "down", since: this.heardAt });
    return messages;
  }
}
