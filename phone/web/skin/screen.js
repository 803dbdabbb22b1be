// Which screen is shown: what cannot wait comes first.

import { h, morph } from "./dom.js";
import { t } from "./text.js";
import { button, icon } from "./parts.js";
import { blocked, starting } from "./screens/blocked.js";
import { start } from "./screens/start.js";
import { home } from "./screens/home.js";
import { key } from "./screens/key.js";
import { computer } from "./screens/computer.js";
import { opened, pairing, scan, typed } from "./screens/pair.js";
import { approve } from "./screens/approve.js";
import { offer } from "./screens/offer.js";
import { activity } from "./screens/activity.js";
import { about, diagnosis, forget, language, notifications, settings, storage } from "./screens/settings.js";

const routes = {
  home, key, "key-rename": key, "key-delete": key, computer, "computer-rename": computer, "computer-remove": computer, pair: scan,
  "pair-typed": typed, activity, settings, notifications, storage, language, diagnosis, about, forget,
};

// fresh is how the skin begins. What stands here is about this window; everything that matters is in the view.
export function fresh() {
  return {
    route: { name: "home" }, busy: "", problem: null, blocked: "", camera: "", strange: false, invite: "", pending: "", suggestion: "",
    lacks: [], install: "", installLater: false, push: "unsupported", persistent: false, asked: false, fresh: "", language: "system", version: "", update: false, online: true,
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
  if (view.pairing) return pairing(view, ui);
  if (view.offer) return offer(view, ui);
  if (ui.pending) return opened(view, ui);
  return (routes[ui.route.name] ?? home)(view, ui);
}

// occupied says that somebody is in the middle of something, which no update may interrupt.
export function occupied(view, ui) {
  return Boolean(ui.busy || view?.approval || view?.pairing || view?.offer || ui.pending || view?.setup?.step === "enrolling");
}

function banners(view, ui) {
  const offline = view && !ui.blocked && (!ui.online || Boolean(view.phone) && view.link.state === "offline");
  return h("div", { class: "banners", role: "status" },
    offline ? h("p", { class: "banner", "data-key": "offline" }, icon("offline"), h("span", {}, t(view.phone ? "offline.what" : "offline.start"))) : null,
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

// spoken is what a screen reader is told when the view changes to what cannot wait.
export function spoken(view, before) {
  const a = view.approval;
  if (a && a.id !== before?.approval?.id) {
    return { urgent: t("say.approval", { what: t(`approve.${a.kind}`), rp: a.rp_name || a.rp_id, workstation: a.workstation, number: [...a.number].join(" ") }) };
  }
  const p = view.pairing;
  if (p && p.step !== before?.pairing?.step) {
    if (p.step === "compare") return { urgent: t("say.digits", { digits: [...p.digits].join(" ") }) };
    if (p.step === "done") return { calm: t("paired.title") };
    if (p.step === "failed") return { urgent: t("pairing.failed") };
  }
  const o = view.offer;
  if (o && o.step !== before?.offer?.step) return { calm: t({ ask: "offer.title", done: "offer.done", failed: "offer.failed" }[o.step] ?? "offer.working") };
  if (before?.approval && !a) return { calm: t("say.over") };
  return {};
}
