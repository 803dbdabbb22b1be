// The skin of the app: draws what the core shows, and sends it what people do. It decides nothing.

import { Camera } from "./camera.js";
import { described, installed, missing, platform, platformAuthenticator, suggestion } from "./device.js";
import * as gate from "./gate.js";
import { alone } from "./alone.js";
import { compile, start as startCore } from "./core.js";
import * as push from "./push.js";
import { fresh, occupied, running, show, spoken } from "./screen.js";
import { settled } from "./screens/approve.js";
import { Store } from "./store.js";
import { preferred, speak } from "./text.js";
import { Trouble } from "./trouble.js";
import { register, take } from "./worker.js";

const root = document.getElementById("app");
const ui = fresh();
let view = null;
let store = null;
let camera = null;
let updating = false;
let prompt = null; // the browser's offer to install
let core = null; // being compiled
let settledIn = false; // the service worker is registered, or being so
let brought = ""; // what the address brought behind its #, until it is taken up
let offered = ""; // the integration whose sign-in the address named; null: it was asked for
let made = null; // the gate that was made for a first start that did not go through yet

function draw() {
  show(root, view, ui);
  watchCamera();
  if (updating && !occupied(view, ui)) {
    updating = false;
    take();
  }
}

// announced is how long a sentence stays where screen readers find it, in milliseconds: long enough to be taken up, and gone
// before anybody who walks through the page takes it for what is so now.
const announced = 3000;
let saying = 0;

function say(text, urgent) {
  const regions = ["assertive", "polite"].map((id) => document.getElementById(id));
  const clear = () => { for (const region of regions) region.textContent = ""; };
  clear();
  clearTimeout(saying);
  saying = setTimeout(() => {
    regions[urgent ? 0 : 1].textContent = text;
    saying = setTimeout(clear, announced);
  }, 50); // a region that was empty is read when it is filled
}

// go opens another screen. Each is a step in the history, so that the system's way back works.
function go(name, id, replace) {
  ui.route = { name, id };
  ui.problem = null;
  ui.strange = false;
  history[replace ? "replaceState" : "pushState"](ui.route, "", "/app/");
  draw();
}

addEventListener("popstate", (event) => {
  if (location.hash.length > 1) return arrive();
  if (view?.code) call("hide_code").catch(() => {});
  ui.route = event.state ?? { name: "home" };
  ui.problem = null;
  draw();
});

// call sends a command. Output is what the gate gave; it is overwritten whatever comes of it.
async function call(command, values, output) {
  try {
    await globalThis.postern.call(command, JSON.stringify(values ?? {}), ...(output ? [output] : []));
  } finally {
    output?.fill(0);
  }
}

// during does something that takes a while: one at a time, and what went wrong is shown where it was begun.
async function during(name, work) {
  if (ui.busy) return false;
  ui.busy = name;
  ui.problem = null;
  draw();
  try {
    await work();
    return true;
  } catch (e) {
    ui.problem = e.problem ?? { code: "internal", message: "", next: "" };
    if (!e.problem) console.error(e);
    return false;
  } finally {
    ui.busy = "";
    draw();
    if (ui.problem) document.querySelector("[aria-invalid]")?.focus();
  }
}

function simple(command, values, then) {
  return during(command, async () => {
    await call(command, values);
    then?.();
  });
}

// gated is for what carries the output of the gate: the biometric is raised first, in the tap itself.
function gated(command, values, needed = true) {
  return during(command, async () => {
    const output = needed && view.phone.gate.credential_id ? await gate.open(view.phone.gate) : null;
    await call(command, values, output);
  });
}

const home = () => go("home", undefined, true);

const does = {
  go: ({ to, id }) => go(to, id),
  home,
  back: () => (history.state && history.state.name !== "home" ? history.back() : home()),
  reload: () => location.reload(),
  async takeOver() { await run(await alone(lost, true)); },
  pair: () => go("pair"),
  scanInvite: () => go("scan-invite"),
  retryCamera() { ui.camera = ""; draw(); },
  dismiss: ({ id }) => simple("dismiss", { notice: id }),
  same: () => simple("same"),
  different: () => simple("different"),
  closePairing() { home(); simple("close"); },
  closeOffer() { home(); simple("close"); },
  async pairAgain() { if (await simple("close")) go("pair", undefined, true); },
  async pairOpened() { await pair(ui.pending); },
  forgetOpened() { ui.pending = ""; home(); },
  approve({ id }) { gated("approve", { id }, view.approval?.biometric); },
  choose: ({ id, account }) => simple("choose", { id, account: Number(account) }),
  deny: ({ id }) => simple("deny", { id }),
  ask: () => simple("ask"),
  signIn: () => simple("sign_in", { language: document.documentElement.lang }),
  accept({ id }) { gated("accept", { id }); },
  decline: ({ id }) => simple("decline", { id }),
  look: ({ id }) => simple("look", { key: id }),
  deleteKey: ({ id }) => simple("delete", { key: id }, home),
  showCode: ({ id }) => gated("show_code", { computer: id }),
  hideCode: () => simple("hide_code"),
  forgetCodes: ({ id }) => simple("forget_codes", { computer: id }, home),
  unpair: ({ id }) => simple("unpair", { computer: id }, home),
  subscribe: () => during("push", async () => {
    try {
      await call("push", { subscription: await push.subscribe(view.push.public_key) });
    } finally {
      ui.push = push.standing();
    }
  }),
  unsubscribe: () => during("push", async () => {
    await call("push", { subscription: null });
    await push.unsubscribe();
  }),
  async persist() {
    ui.persistent = await persist();
    ui.asked = true;
    draw();
  },
  async speak({ language }) {
    ui.language = language;
    await store?.set("language", language === "system" ? null : language);
    await speak(language === "system" ? preferred() : language);
    draw();
  },
  diagnose: () => during("diagnose", async () => call("diagnose", { persistent: ui.persistent, missing: await missing() })),
  forget: () => during("forget", async () => {
    await push.unsubscribe().catch(() => {});
    await call("forget");
    made = null;
    home();
  }),
  async install() {
    await prompt?.prompt();
    prompt = null;
    ui.install = "";
    draw();
  },
  async installLater() {
    ui.installLater = true;
    draw();
    await store?.set("install", "later");
  },
  update() { updating = true; draw(); },
};

const submits = {
  enrol: ({ code, name }) => enrol(code, name),
  beginSignIn: async ({ name }) => {
    ui.suggestion = name.trim() || ui.suggestion;
    await during("enrol_by_sign_in", async () => call("enrol_by_sign_in", { name: ui.suggestion, platform: await described(), language: document.documentElement.lang }));
  },
  enrolSigned: () => setUp("", ui.suggestion),
  pairTyped: ({ text }) => pair(text),
  rename: ({ name }, { kind, id }) => simple("rename", { [kind === "key" ? "key" : "computer"]: id, name }, () => history.back()),
};

async function pair(text) {
  if (!text.trim()) {
    ui.problem = { code: "code_empty", field: "text", message: "", next: "" };
    return draw();
  }
  await during("pair", async () => {
    await call("pair", { text });
    ui.pending = "";
    ui.route = { name: "home" };
    history.replaceState(ui.route, "", "/app/");
  });
}

async function enrol(code, name) {
  ui.invite = code;
  ui.suggestion = name;
  if (!code.trim()) {
    ui.problem = { code: "code_empty", field: "code", message: "", next: "" };
    return draw();
  }
  await setUp(code, name);
}

// setUp makes the gate and enrols, with the code or with the sign-in that was begun.
async function setUp(code, name) {
  const setup = view.setup;
  let output = null;
  const gotten = await during("gate", async () => {
    // A gate that was made by an earlier try is used again: nobody should collect them.
    if (made && made.salt === setup.salt) {
      output = made.prf ? await gate.open({ credential_id: made.id, salt: setup.salt }) : null;
      return;
    }
    const fresh = await gate.make(setup, name.trim() || ui.suggestion);
    output = fresh.output;
    made = { id: fresh.id, salt: setup.salt, prf: output !== null };
  });
  if (!gotten) return;
  const done = await during("enrol", async () => call("enrol", { code, name, platform: await described(), credential_id: made.id }, output));
  if (!done) return;
  ui.invite = "";
  home();
  ui.persistent = await persist();
  draw();
}

async function persist() { return await navigator.storage?.persist?.().catch(() => false) ?? false; }

// watchCamera runs the camera while a screen shows its picture, and no longer.
function watchCamera() {
  const video = document.getElementById("camera");
  const wanted = ["pair", "scan-invite"].includes(ui.route.name) && document.querySelector(".scanning") !== null && !document.hidden;
  if (!wanted) {
    camera?.stop();
    camera = null;
    if (!document.querySelector(".scanning")) ui.camera = "";
    return;
  }
  if (camera || ui.camera && ui.camera !== "on" && ui.camera !== "starting") return;
  const mine = camera = new Camera();
  ui.camera = "starting";
  queueMicrotask(async () => {
    draw();
    try {
      const picture = document.getElementById("camera") ?? video;
      picture.muted = true;
      picture.addEventListener("playing", () => { if (camera === mine) { ui.camera = "on"; draw(); } }, { once: true });
      const text = await mine.start(picture, takes);
      if (text) scanned(text);
    } catch (e) {
      if (camera !== mine) return;
      camera = null;
      ui.camera = e.problem?.code ?? "camera_busy";
      draw();
    }
  });
}

// takes says whether a text is what the screen looks for; another is told once.
function takes(text) {
  const good = ui.route.name === "scan-invite" ? invitation(text) !== null : /^https?:\/\/[^/]+\/p#[\w-]+$/.test(text);
  if (!good && !ui.strange) {
    ui.strange = true;
    draw();
  }
  return good;
}

// invitation finds the code in what a QR code of an invitation holds: an address of the app, or the code alone.
function invitation(text) {
  const code = /#i=([0-9A-Za-z-]+)$/.exec(text)?.[1] ?? text.trim();
  return /^[0-9A-Za-z]{4}(-?[0-9A-Za-z]{4}){3}$/.test(code) ? code.toUpperCase() : null;
}

async function scanned(text) {
  camera = null;
  ui.camera = "";
  if (ui.route.name === "scan-invite") {
    ui.invite = invitation(text);
    ui.filled = true;
    go("enrol", undefined, true);
    const field = document.querySelector("[name=code]");
    if (field) field.value = ui.invite;
    return;
  }
  await pair(text);
}

// keep takes what the address brought out of it at once, whatever becomes of the app: addresses end up in histories.
function keep() {
  if (location.hash.length < 2) return;
  brought = location.hash.slice(1);
  history.replaceState(history.state ?? { name: "home" }, "", "/app/");
}

// arrive takes up what the address brought: an invitation, or the code of a computer.
function arrive() {
  keep();
  const what = brought;
  brought = "";
  if (what.startsWith("o=")) {
    offered = what.slice(2);
    lookForSignIn();
  } else if (what.startsWith("i=")) {
    ui.invite = invitation(what.slice(2)) ?? ""; // a code has nothing that an address would escape
    if (view?.setup || !view) ui.route = { name: "enrol" };
  } else if (what.length > 40) {
    ui.pending = `${location.origin}/p#${what}`;
  }
  draw();
}

// lookForSignIn asks once whether a sign-in is enough to set this phone up.
function lookForSignIn() {
  if (!view?.setup || offered === null) return;
  const integration = offered;
  offered = null;
  call("look_for_sign_in", { integration }).catch(() => {});
}

function listen() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-do]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    does[button.dataset.do]?.(button.dataset);
  });
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    if (ui.busy) return;
    submits[event.target.dataset.submit]?.(Object.fromEntries(new FormData(event.target)), event.target.dataset);
  });
  addEventListener("hashchange", () => { if (location.hash.length > 1) arrive(); });
  for (const name of ["online", "offline"]) addEventListener(name, () => { ui.online = navigator.onLine; draw(); });
  document.addEventListener("visibilitychange", () => {
    if (view) call("visible", { visible: !document.hidden }).catch(() => {});
    ui.push = push.standing();
    draw();
  });
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    prompt = event;
    ui.install = "prompt";
    draw();
  });
  addEventListener("appinstalled", () => { ui.install = ""; draw(); });
  setInterval(() => {
    if (!view?.approval && !view?.code) return;
    draw();
    const left = running(view, ui);
    if (left) say(left, false);
  }, 1000);
}

function seen(json) {
  const before = view;
  const next = JSON.parse(json);
  if (before && next.revision < before.revision) return;
  view = next;
  lookForSignIn();
  if (view.fault) return block("core_stopped");
  const { urgent, calm } = spoken(view, before);
  if (urgent || calm) say(urgent ?? calm, Boolean(urgent));
  if (view.approval && view.approval.id !== before?.approval?.id) {
    ui.problem = null;
    navigator.vibrate?.(80);
    const id = ui.fresh = view.approval.id;
    setTimeout(() => {
      if (ui.fresh !== id) return;
      ui.fresh = "";
      draw();
    }, settled);
  }
  draw();
  settleIn();
}

function block(code) {
  ui.blocked = code;
  draw();
  settleIn();
}

// settleIn registers the service worker, which fetches the whole app once more: only after the first screen stands.
function settleIn() {
  if (settledIn) return;
  settledIn = true;
  register(() => { ui.update = true; draw(); }).catch((e) => console.error("service worker", e));
}

async function main() {
  keep();
  ui.version = document.querySelector("meta[name=version]").content;
  ui.online = navigator.onLine;
  await speak(preferred());
  listen();
  if (!globalThis.isSecureContext) return block("insecure_address");
  if (!globalThis.WebAssembly) return block("wasm_missing");
  core = compile(document.getElementById("core").href);
  if (!navigator.locks) return block("browser_old");
  try {
    store = await Store.open();
  } catch {
    return block("storage_missing");
  }
  const chosen = await store.setting("language");
  if (chosen) {
    ui.language = chosen;
    await speak(chosen);
  }
  ui.installLater = await store.setting("install") === "later";
  const held = await alone(lost);
  if (!held) return block("elsewhere");
  await run(held);
}

// lost is when another window took the core over: this one begins anew, and says so.
function lost() { location.reload(); }

// run starts the core in this window.
async function run(held) {
  ui.blocked = "";
  draw();
  store.held = held;
  ui.push = push.standing();
  ui.persistent = await navigator.storage?.persisted?.() ?? false;
  ui.suggestion = await suggestion();
  ui.lacks = await missing();
  if (!await platformAuthenticator()) ui.lacks.push("platform");
  if (!installed() && platform() === "iOS") ui.install = "ios";
  globalThis.posternHost = {
    view: seen,
    read: (names) => store.read(names),
    replace: (changes) => store.replace(changes),
    erase: () => store.erase(),
    info: { origin: location.origin, platform: platform(), version: ui.version, language: document.documentElement.lang },
  };
  history.replaceState(history.state ?? { name: "home" }, "", location.href);
  ui.route = history.state;
  if (brought) arrive();
  try {
    await startCore(core, () => block("core_stopped"));
  } catch (e) {
    console.error(e);
    block(e instanceof Trouble ? e.problem.code : "core_failed");
  }
}

main();
