// Home: My Security Keys, My Computers, and whatever the user should know.

import { h } from "../dom.js";
import { t } from "../text.js";
import { badge, button, card, icon, installing, page, row, signingIn, trouble } from "../parts.js";
import { entry } from "./codes.js";

export const keyBadges = {
  ready: "ok", incomplete: "warn", checking: "info", working: "info", damaged: "bad", removing: "info",
};

export function keyBadge(key) { return badge(keyBadges[key.state] ?? "plain", t(`key.${key.state}`)); }

export function home(view, ui) {
  const grave = view.notices.filter((n) => n.grave);
  const others = view.notices.filter((n) => !n.grave);
  return page("home", {
    title: view.phone.application_name || "Postern",
    tools: h("button", { type: "button", class: "round", "data-do": "go", "data-to": "settings", "aria-label": t("settings.title") }, icon("cog")),
  }, [
    h("p", { class: "soft who" }, view.phone.user_principal_name),
    link(view),
    [...grave, ...others].map((n) => h("div", { "data-key": n.id }, trouble(n, n.grave ? "bad" : "warn", n.dismissible ? button("dismiss", t("notice.dismiss"), "slim", { id: n.id }) : null))),
    trouble(ui.problem),
    enrolment(view, ui),
    h("section", { "aria-labelledby": "keys" }, h("h2", { id: "keys" }, t("home.keys")), keys(view)),
    h("section", { "aria-labelledby": "computers" }, h("h2", { id: "computers" }, t("home.computers")), computers(view)),
    entry(view),
    remind(view, ui),
  ], [button("pair", [icon("plus"), t("home.pair")], "primary")]);
}

function link(view) {
  if (view.link.state === "refused") return trouble(view.link.problem ?? { code: "link_cut" });
  if (view.link.state === "connecting") return h("p", { class: "soft small state" }, h("span", { class: "spinner", "aria-hidden": "true" }), t("link.connecting"));
  return null;
}

// enrolment says what a passkey waits for, and what the user can do about it.
function enrolment(view, ui) {
  const e = view.enrolment;
  if (!e) return null;
  const must = e.mandatory ? t("enrolment.must") : null;
  if (e.missing.length === 0) return card("info", t("enrolment.mandatory"), must, e.can_ask && !view.keys.some((k) => k.state === "working") ? button("ask", t("finish.ask_button"), "slim", null, ui.busy === "ask") : null);
  const parts = [];
  if (e.missing.includes("one_time_code")) parts.push(h("p", {}, t("enrolment.code")));
  if (e.missing.includes("entra_sign_in")) {
    parts.push(h("p", {}, t("enrolment.sign_in", { account: view.phone.user_principal_name })));
    parts.push(e.sign_in ? signingIn(e.sign_in)
      : button("signIn", t("enrolment.begin"), "primary", null, ui.busy === "sign_in"));
  }
  if (e.missing.includes("approval")) {
    parts.push(h("p", {}, t(e.needed > 1 ? "enrolment.approvals" : "enrolment.approval", { count: e.approvals, needed: e.needed })));
  }
  parts.push(h("p", {}, `${t("enrolment.fingerprint")} `, h("strong", { class: "fingerprint" }, e.fingerprint)));
  return card("info", t("enrolment.waits"), must, parts);
}

function keys(view) {
  if (view.keys.length === 0) return h("p", { class: "empty" }, t("home.no_keys"));
  return h("ul", { class: "rows" }, view.keys.map((key) => row("key", "key", key.name, key.account,
    h("span", { class: "unfinished" }, keyBadge(key), key.state === "incomplete" ? h("span", { class: "finish" }, t("key.finish"), icon("arrow")) : null), { id: key.id })));
}

export function presence(c) { return c.present ? badge("ok", t("computer.present")) : badge("plain", t("computer.away"), "offline"); }

function computers(view) {
  if (view.computers.length === 0) return h("p", { class: "empty" }, t("home.no_computers"));
  return h("ul", { class: "rows" }, view.computers.map((c) => row("computer", "computer", c.name, `${c.os}`,
    c.notice ? badge("warn", t("computer.notice")) : presence(c), { id: c.id })));
}

// remind asks for one thing at a time, when there is something to be gained by it.
function remind(view, ui) {
  const install = installing(ui, t("install.later"));
  if (install) return install;
  if (view.push.public_key && !view.push.subscribed && ui.push === "default" && view.computers.length > 0) {
    return card("info", t("push.offer"), t("push.offer_next"), button("go", t("push.look"), "slim", { to: "notifications" }));
  }
  return null;
}
