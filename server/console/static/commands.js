// A command to an edge: asked over the API, and followed until the edge has answered.
const PAUSE_MS = 250;
const LIMIT_MS = 17000; // a command lives 10 s, its answer 5 s more

export async function command(path, given, language, _) {
  const sentences = {
    expired: _("The edge did not answer in time. Nobody knows whether it was done: look at the door."),
    no_session: _("The edge is not connected: nothing was done."),
    refused: _("The edge refused."),
    done: _("Done."),
  };
  try {
    const asked = await call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) });
    const told = await asked.json();
    if (!asked.ok) return { done: false, text: said(told, language), field: told.field };
    const id = told.command_id;
    const until = Date.now() + LIMIT_MS;
    while (Date.now() < until) {
      const looked = await call(`/live/commands/${id}`, {});
      if (!looked.ok) return { done: false, text: said(await looked.json(), language) };
      const { result, text } = await looked.json();
      if (result !== "waiting") return { done: result === "done", text: text || sentences[result], id };
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return { done: false, text: sentences.expired };
  } catch {
    return { done: false, text: _("The server cannot be reached. Nobody knows whether it was done: look at the door.") };
  }
}

export function call(path, options) {
  return fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(10000) });
}

// What a refusal (or a warning) says to a person. "lines.0: the contract ends …" says to a program which field it is; a person sees it.
export function said(problem, language) {
  const text = language === "en" ? problem.detail : problem.detail_zh;
  const [start, name] = /^([\w.]+) *[:：] */.exec(text ?? "") ?? [];
  const field = problem.field ?? "";
  if (!name || !(field === name || field.startsWith(`${name}.`) || field.endsWith(`.${name}`))) return text;
  const bare = text.slice(start.length);
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}
