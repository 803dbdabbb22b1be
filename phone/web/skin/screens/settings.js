// Settings: notifications, storage, language, diagnosis, about, and the end.

import { h } from "../dom.js";
import { checkName, languages, moment, sentence, spoken, t } from "../text.js";
import { badge, button, card, facts, icon, page, row, trouble } from "../parts.js";

export function settings(view, ui) {
  return page("settings", { title: t("settings.title"), back: true }, [
    h("ul", { class: "rows" },
      row("activity", "clock", t("activity.title"), t("settings.activity")),
      row("notifications", "bell", t("push.title"), t(view.push.subscribed ? "push.on" : "push.off")),
      row("storage", "store", t("storage.title"), t(ui.persistent ? "storage.kept" : "storage.may_go")),
      row("language", "globe", t("language.title"), t(`language.${ui.language}`)),
      row("diagnosis", "check", t("diagnosis.title"), t("diagnosis.short")),
      row("about", "info", t("about.title"), `${t("about.version")} ${ui.version}`),
      ui.install === "prompt" ? h("li", { "data-key": "install" }, h("button", { type: "button", class: "row", "data-do": "install" },
        icon("plus"), h("span", { class: "grow" }, h("span", { class: "name" }, t("install.button")), h("span", { class: "soft" }, t("install.later_next"))))) : null),
    trouble(ui.problem),
  ], [button("go", t("forget.title"), "danger-quiet", { to: "forget" })]);
}

export function notifications(view, ui) {
  const can = ui.push !== "unsupported" && view.push.public_key;
  return page("notifications", { title: t("push.title"), back: true }, [
    h("p", {}, t("push.what")), h("p", { class: "soft" }, t("push.private")),
    view.push.subscribed ? card("ok", t("push.on"), t("push.on_next")) : null,
    !view.push.subscribed && ui.push === "denied" ? trouble({ code: "push_denied" }, "warn") : null,
    ui.push === "unsupported" ? trouble({ code: ui.install === "ios" ? "push_install" : "push_unsupported" }, "warn") : null,
    ui.push !== "unsupported" && !view.push.public_key ? trouble({ code: "push_server" }, "warn") : null,
    trouble(ui.problem),
  ], [
    can && !view.push.subscribed && ui.push !== "denied" ? button("subscribe", t("push.button"), "primary", null, ui.busy === "push") : null,
    view.push.subscribed ? button("unsubscribe", t("push.stop"), "", null, ui.busy === "push") : null,
  ]);
}

export function storage(view, ui) {
  return page("storage", { title: t("storage.title"), back: true }, [
    ui.persistent ? card("ok", t("storage.kept"), t("storage.kept_next")) : card("warn", t("storage.may_go"), t("storage.may_go_next")),
    ui.asked && !ui.persistent ? card("info", t("storage.refused"), t("storage.refused_next")) : null,
  ], [ui.persistent ? null : button("persist", t("storage.button"), "primary")]);
}

export function language(view, ui) {
  return page("language", { title: t("language.title"), back: true }, [
    h("ul", { class: "rows" }, ["system", ...languages].map((name) => h("li", {},
      h("button", { type: "button", class: "row", "data-do": "speak", "data-language": name, "aria-pressed": ui.language === name ? "true" : "false" },
        h("span", { class: "grow name", lang: name === "system" ? null : name }, t(`language.${name}`)), ui.language === name ? icon("check") : null)))),
  ]);
}

export function diagnosis(view, ui) {
  return page("diagnosis", { title: t("diagnosis.title"), back: true, lead: t("diagnosis.lead") }, [
    trouble(ui.problem),
    h("ul", { class: "log", "aria-live": "polite" }, (view.diagnosis ?? []).map((d) => h("li", { "data-key": d.check },
      h("span", { class: "name" }, checkName(d)), badge(d.ok ? "ok" : "bad", t(d.ok ? "diagnosis.fine" : "diagnosis.wrong")), h("span", {}, sentence(d)),
      d.ok || spoken() === "en" ? null : h("span", { class: "small original", lang: "en" }, d.text)))),
  ], [button("diagnose", t(view.diagnosis ? "diagnosis.again" : "diagnosis.button"), "primary", null, ui.busy === "diagnose")]);
}

export function about(view, ui) {
  const p = view.phone;
  return page("about", { title: t("about.title"), back: true }, [
    h("p", {}, t("about.what")),
    facts([[t("about.phone"), p.name], [t("about.user"), [p.user, p.user_principal_name].filter(Boolean).join(", ")], [t("about.application"), p.application_name],
      [t("about.server"), p.server], [t("about.assurance"), t(p.assurance === "gated" ? "about.assured" : "about.unassured")],
      [t("about.synced"), moment(p.synced) || t("never")], [t("about.version"), ui.version], [t("about.core"), view.version], [t("about.id"), p.id]]),
    h("p", { class: "soft small" }, t("about.licences")),
  ]);
}

export function forget(view, ui) {
  return page("forget", { title: t("forget.title"), back: true }, [
    card("bad", t("forget.what"), t("forget.next")), trouble(ui.problem),
  ], [button("forget", t("forget.yes"), "danger", null, ui.busy === "forget"), button("back", t("forget.no"), "")]);
}
