// What the kiosk sends, and whether there is a server to send to.
const LIMIT_MS = 10000;
const WATCH_MS = 15000;

export async function ask(path, body, once) {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  if (once) headers["Idempotency-Key"] = once;
  const answer = await fetch(`/api/v1/kiosk/${path}`, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) });
  return { status: answer.status, told: await answer.json() };
}

/** Calls `tell` with whether the server is gone, again and again. */
export function watch(tell) {
  const look = async () => {
    try {
      const answer = await fetch("/api/v1/health", { cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) });
      tell(!answer.ok);
    } catch {
      tell(true);
    }
  };
  look();
  setInterval(look, WATCH_MS);
}
