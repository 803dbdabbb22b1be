// One key: what it is, what it was used for, its name, its end. And how a pairing that is incomplete is finished.

import { h } from "../dom.js";
import { moment, t } from "../text.js";
import { button, card, facts, field, icon, page, submit, trouble } from "../parts.js";
import { keyBadge } from "./home.js";
import { list } from "./activity.js";

export function key(view, ui) {
  const key = view.keys.find((k) => k.id === ui.route.id);
  if (!key) return gone();
  if (ui.route.name === "key-rename") return rename("key", key, ui);
  if (ui.route.name === "key-delete") return remove(key, ui);
  const used = view.activity.filter((a) => a.rp_id === key.rp_id && (!a.account || a.account === key.account));
  return page("key", { title: key.name, back: true }, [
    h("p", {}, keyBadge(key)),
    trouble(ui.problem),
    ui.problem ? null : trouble(key.problem, key.state === "damaged" ? "bad" : "warn"),
    key.state === "incomplete" ? finish(view, ui, key) : null,
    key.state === "checking" ? card("info", t("key.checking_text"), t("key.checking_next")) : null,
    key.state === "working" ? card("info", t("key.working_text"), t("key.working_next")) : null,
    key.state === "removing" ? card("info", t("key.removing_text"), t("key.removing_next")) : null,
    facts([[t("key.account"), key.account], [t("key.rp"), key.rp_id], [t("key.created"), moment(key.created)], [t("key.used"), moment(key.last_used) || (key.created ? t("never") : "")]]),
    key.created ? h("section", { "aria-labelledby": "used" }, h("h2", { id: "used" }, t("activity.title")), list(used.slice(0, 10))) : null,
  ], key.created && key.state !== "removing" ? [button("go", t("rename"), "", { to: "key-rename", id: key.id }), button("go", t("key.delete"), "danger-quiet", { to: "key-delete", id: key.id })] : []);
}

// finish shows the way from a pairing with Postern alone to a passkey that Entra knows.
// A passkey that Entra was not seen to list may only have been late.
function finish(view, ui, key) {
  const made = key.id !== "account";
  return h("section", { class: "finish-how", "aria-labelledby": "finish" },
    key.problem ? null : card("warn", t("finish.what"), t("finish.why")),
    h("h2", { id: "finish" }, t("finish.title")),
    made ? [
      h("p", {}, t("key.look_what")),
      button("look", t("key.look"), "primary", { id: key.id }, ui.busy === "look"),
      h("p", { class: "soft" }, t("finish.or_again")),
    ] : null,
    view.phone.can_provision && !made ? [
      h("p", {}, t("finish.ask")),
      button("ask", [t("finish.ask_button"), icon("arrow")], "primary", null, ui.busy === "ask"),
      h("p", { class: "soft" }, t("finish.or")),
    ] : null,
    h("ol", { class: "steps" },
      h("li", {}, t("finish.step1")),
      h("li", {}, t("finish.step2"), " ", h("strong", { class: "address" }, "mysignins.microsoft.com/security-info")),
      h("li", {}, t("finish.step3")),
      h("li", {}, t("finish.step4")),
      h("li", {}, t("finish.step5"))),
    h("p", {}, h("a", { href: "https://mysignins.microsoft.com/security-info", rel: "noreferrer", target: "_blank", class: "out" }, t("finish.open"), icon("arrow"))));
}

function remove(key, ui) {
  return page("key-delete", { title: t("key.delete_title"), back: true }, [
    card("warn", t("key.delete_what", { account: key.account }), t("key.delete_next")),
    facts([[t("key.name"), key.name], [t("key.account"), key.account]]),
    trouble(ui.problem),
  ], [button("deleteKey", t("key.delete_yes"), "danger", { id: key.id }, ui.busy === "delete"), button("back", t("key.delete_no"), "")]);
}

// rename is for keys and computers alike.
export function rename(kind, thing, ui) {
  return page(`${kind}-rename`, { title: t(`${kind}.rename_title`), back: true }, [
    h("form", { "data-submit": "rename", "data-kind": kind, "data-id": thing.id, novalidate: true },
      field("name", t("rename.name"), { type: "text", value: thing.name, maxlength: 64, required: true, autocomplete: "off" }, t("rename.help"), ui.problem?.field === "name" ? ui.problem : null),
      ui.problem?.field === "name" ? null : trouble(ui.problem),
      h("footer", { class: "actions" }, submit(t("rename.save"), ui.busy === "rename"))),
  ]);
}

export function gone() {
  return page("gone", { title: t("gone.title"), back: true }, [h("p", {}, t("gone.text"))], [button("home", t("to_home"), "primary")]);
}
