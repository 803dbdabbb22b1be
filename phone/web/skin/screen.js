// Which screen is shown: what cannot wait comes first.

import { h, morph } from "./dom.js";
import { t } from "./text.js";
import { button, icon } from "./parts.js";
import { blocked, starting } from "./screens/blocked.js";
import { start } from "./screens/start.js";
import { home } from "./screens/home.js";
import { key } from "./screens/key.js";
import { computer } from "./screens/computer.js";
import { code, codes, codesOf, usable } from "./screens/codes.js";
import { opened, pairing, scan, typed } from "./screens/pair.js";
import { approve } from "./screens/approve.js";
import { offer } from "./screens/offer.js";
import { activity } from "./screens/activity.js";
import { about, diagnosis, forget, language, notifications, settings, storage } from "./screens/settings.js";

const routes = {
  home, key, "key-rename": key, "key-delete": key, computer, "computer-rename": computer, "computer-remove": computer, codes, "codes-of": codesOf, "codes-remove": codesOf, pair: scan,
  "pair-typed": typed, activity, settings, notifications, storage, language, diagnosis, about, forget,
};

// fresh is how the skin begins. What stands here is about this window; everything that matters is in the view.
export function fresh() {
  return {
    route: { name: "home" }, busy: "", problem: null, blocked: "", camera: "", strange: false, invite: "", pending: "", suggestion: "",
    lacks: [], install: "", installLater: false, push: "unsupported", persistent: false, asked: false, fresh: "", running: "", language: "system", version: "", update: false, online: true,
    now: () => Date.now(),
  };
}

function choose(view, ui) {
  if (ui.blocked) return blocked(ui);
  if (!view) return ui.route.name === "language" ? language(view, ui) : starting();
  if (view.setup) {
    if (ui.route.name === "language") return language(view, ui);
    if (ui.route.name === "scan-invite") return scan(view, ui);
    return start(view, ui);
  }
  if (view.approval) return approve(view, ui);
  if (view.code) return code(view, ui);
  if (view.pairing) return pairing(view, ui);
  if (view.offer) return offer(view, ui);
  if (ui.pending) return opened(view, ui);
  return (routes[ui.route.name] ?? home)(view, ui);
}

// occupied says that somebody is in the middle of something, which no update may interrupt.
export function occupied(view, ui) {
  return Boolean(ui.busy || view?.approval || view?.code || view?.pairing || view?.offer || ui.pending || view?.setup?.step === "enrolling");
}

function banners(view, ui) {
  const offline = view && !ui.blocked && (!ui.online || Boolean(view.phone) && view.link.state === "offline");
  return h("div", { class: "banners", role: "status" },
    offline ? h("p", { class: "banner", "data-key": "offline" }, icon("offline"), h("span", {}, t(!view.phone ? "offline.start" : usable(view) ? "offline.codes" : "offline.what"))) : null,
    ui.update && !occupied(view, ui) ? h("p", { class: "banner news", "data-key": "update" }, icon("update"), h("span", {}, t("update.what")), button("update", t("update.button"), "slim")) : null);
}

let shown = "";

// show draws, and moves the focus to the heading of a screen that is new.
export function show(root, view, ui) {
  const next = choose(view, ui);
  const name = next.dataset.key;
  const frame = document.createElement("div");
  frame.append(banners(view, ui), next);
  morph(root, frame);
  if (shown && shown !== name) {
    scrollTo(0, 0);
    document.getElementById("title")?.focus({ preventScroll: true });
  }
  const title = document.getElementById("title")?.textContent;
  document.title = title && title !== "Postern" ? `${title} · Postern` : "Postern";
  shown = name;
}

// soon is how many seconds before a code is hidden that is said, once.
export const soon = 10;

// running is what a screen reader is told of the time that a code is still shown: not every second.
export function running(view, ui) {
  const c = view.code;
  if (!c || ui.running === c.shown || new Date(c.until) - new Date(c.shown) <= 2000 * soon || new Date(c.until) - ui.now() > 1000 * soon) return null;
  ui.running = c.shown;
  return t("say.code_left", { seconds: soon });
}

// spoken is what a screen reader is told when the view changes to what cannot wait.
export function spoken(view, before) {
  const a = view.approval;
  if (a && a.id !== before?.approval?.id) {
    return { urgent: t("say.approval", { what: t(`approve.${a.kind}`), rp: a.rp_name || a.rp_id, workstation: a.workstation, number: [...a.number].join(" ") }) };
  }
  const c = view.code;
  if (c && c.shown !== before?.code?.shown) {
    const seconds = Math.round((new Date(c.until) - new Date(c.shown)) / 1000);
    return { urgent: t("say.code", { name: c.workstation, code: [...c.code].join(" "), seconds }) };
  }
  const p = view.pairing;
  if (p && p.step !== before?.pairing?.step) {
    if (p.step === "compare") return { urgent: t("say.digits", { digits: [...p.digits].join(" ") }) };
    if (p.step === "done") return { calm: t("paired.title") };
    if (p.step === "failed") return { urgent: t("pairing.failed") };
  }
  const o = view.offer;
  if (o && o.step !== before?.offer?.step) return { calm: t({ ask: "offer.title", done: "offer.done", failed: "offer.failed" }[o.step] ?? "offer.working") };
  if (before?.code && !c) return { calm: t("say.code_over") };
  if (before?.approval && !a) return { calm: t("say.over") };
  return {};
}
