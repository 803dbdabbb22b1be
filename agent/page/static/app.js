// The agent's page. The server says how everything stands, at once and at every change; each part is drawn anew when what
// it shows has changed. Only where in the dialog a person is, is known here alone.
import { h, icon, swap } from "./draw.js";
import { pairing } from "./pairing.js";
import { checkup, computer, notices, phones } from "./parts.js";

const state = { view: null, problem: null, busy: false };
const drawn = new Map();

// draw fills a part of the page, unless it shows just that already.
function draw(id, what, make) {
  const key = JSON.stringify(what);
  const part = document.getElementById(id);
  if (drawn.get(id) === key || !part) return;
  drawn.set(id, key);
  swap(part, make(what));
}

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method, headers: body === undefined ? {} : { "Content-Type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body),
  });
  const told = (answer.headers.get("Content-Type") || "").includes("json") ? await answer.json() : null;
  if (!answer.ok) throw Object.assign(new Error(told?.detail || "The agent did not take that."), { next: told?.next || "Try again.", status: answer.status });
  return told;
}

// act does something and shows what came of it. It says whether it went well.
async function act(method, path, body) {
  state.problem = null;
  try {
    const told = await ask(method, path, body);
    if (told?.phones) show(told);
    return told ?? true;
  } catch (e) {
    state.problem = { message: e.message, next: e.next || "Is the agent running? Open the page anew with postern-agent open." };
    render();
    return null;
  }
}

const dialog = pairing(document.getElementById("dialog"), act, () => state.view);
const tools = { act, dialog, refresh: () => render() };

function show(view) {
  if (view.revision < state.view?.revision) return; // an answer that an event has overtaken
  state.view = view;
  render();
}

function render() {
  const v = state.view;
  draw("notices", { v: v && [v.problem, v.notice, v.remote, v.enrolled], p: state.problem, lost: state.lost }, (w) => notices(v, w.p, w.lost));
  if (!v) return;
  document.title = `Postern on ${v.name}`;
  draw("title", v.name, (name) => [name]);
  draw("link", [v.enrolled, v.connected], ([known, up]) => !known ? [] : [
    h("span", { class: up ? "badge ok" : "badge warn" }, icon(up ? "check" : "warning"), up ? "Connected" : "Not connected"),
  ]);
  draw("asked", v.asked, (all) => all.map(asked));
  for (const [id, what, make] of [
    ["phones", { enrolled: v.enrolled, phones: v.phones, connected: v.connected }, phones],
    ["computer", { ...v, revision: 0, phones: v.phones.map((p) => ({ offline: Boolean(p.offline) })), asked: 0, pairing: 0, remote: 0 }, computer],
    ["checkup", state.view.enrolled, checkup],
  ]) {
    document.getElementById(id).hidden = false;
    draw(id, what, (w) => make(w, tools));
  }
  dialog.follow();
}

// asked is an open request, or what became of one.
function asked(q) {
  if (!q.number) return h("div", { class: "note warn" }, icon("warning"), h("div", {}, h("p", {}, `${q.name}: ${q.message}`), q.next && h("p", { class: "soft" }, q.next)));
  return h("div", { class: "look" }, icon("present"),
    h("p", {}, h("strong", {}, "Look at your phone"), h("br"), h("span", { class: "soft" }, `Accept on ${q.name} only if it shows this number.`)),
    h("span", { class: "number" }, q.number));
}

function listen() {
  const events = new EventSource("/api/events");
  events.onmessage = (e) => {
    state.lost = false;
    show(JSON.parse(e.data));
  };
  events.onerror = () => {
    state.lost = true;
    render();
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
}

async function start() {
  const ticket = location.hash.slice(1);
  if (/^[A-Z2-7]{20,}$/.test(ticket)) {
    history.replaceState(null, "", "/");
    if (!await act("POST", "/session", { ticket })) return;
  }
  const view = await act("GET", "/api/view");
  if (!view) return;
  show(view);
  listen();
}

start();
