// Pairing: the code from the camera or typed, the digits that both ends show, and how it ended.

import { h } from "../dom.js";
import { t } from "../text.js";
import { button, card, field, icon, large, page, submit, trouble } from "../parts.js";

// scan shows the camera. The same screen reads the code of an invitation.
export function scan(view, ui) {
  const invite = ui.route.name === "scan-invite";
  const failed = ui.camera !== "starting" && ui.camera !== "on";
  return page(ui.route.name, { title: t(invite ? "scan.invite_title" : "scan.title"), back: true, kind: "scanning" }, [
    h("p", {}, t(invite ? "scan.invite_how" : "scan.how")),
    failed ? null : h("div", { class: "finder" },
      h("video", { id: "camera", playsinline: true, muted: true, "aria-label": t("scan.picture") }),
      h("p", { class: "finder-text", role: "status" }, t(ui.camera === "on" ? "scan.looking" : "scan.starting"))),
    failed && ui.camera ? trouble({ code: ui.camera }, "warn") : null,
    ui.strange ? card("warn", t("scan.strange"), t("scan.strange_next")) : null,
    trouble(ui.problem),
  ], [failed ? button("retryCamera", t("scan.retry"), "") : null, button(invite ? "back" : "go", t("scan.type"), failed ? "primary" : "", { to: "pair-typed" })]);
}

export function typed(view, ui) {
  return page("pair-typed", { title: t("typed.title"), back: true }, [
    h("p", {}, t("typed.how")),
    h("form", { "data-submit": "pairTyped", novalidate: true },
      field("text", t("typed.code"), {
        type: "text", autocomplete: "off", autocapitalize: "characters", autocorrect: "off", spellcheck: "false", maxlength: 32, required: true, class: "code", placeholder: "XXXX-XXXX-XXXX",
      }, t("typed.help"), ui.problem),
      h("footer", { class: "actions" }, submit(t("typed.button"), ui.busy === "pair"))),
  ]);
}

// opened is for a code that came from outside the app: somebody else may have sent it.
export function opened(view, ui) {
  return page("pair-opened", { title: t("opened.title") }, [
    h("p", {}, t("opened.what")), card("warn", t("opened.careful"), t("opened.careful_next")), trouble(ui.problem),
  ], [button("pairOpened", t("opened.yes"), "primary", null, ui.busy === "pair"), button("forgetOpened", t("opened.no"), "")]);
}

export function pairing(view, ui) {
  const p = view.pairing;
  const name = p.workstation || t("pairing.computer");
  switch (p.step) {
    case "compare":
      return page("pairing-compare", { title: t("compare.title"), kind: "compare" }, [
        h("p", {}, t("compare.how", { name })), large(p.digits, t("compare.digits")), h("p", { class: "soft" }, t("compare.else")), trouble(ui.problem),
      ], [button("same", [icon("check"), t("compare.same")], "primary huge", null, ui.busy === "same"), button("different", t("compare.different"), "danger-quiet huge", null, ui.busy === "different")]);
    case "done":
      return page("pairing-done", { title: t("paired.title"), kind: "done" }, [
        h("p", { class: "mark ok" }, icon("check")), h("p", {}, t("paired.what", { name })), trouble(p.notice, "warn"),
      ], [button("closePairing", t("done"), "primary")]);
    case "failed":
      return page("pairing-failed", { title: t("pairing.failed") }, [trouble(p.problem ?? { code: "internal" }), trouble(ui.problem)],
        [button("pairAgain", t("pairing.again"), "primary"), button("closePairing", t("close"), "")]);
    default:
      return page("pairing-wait", { title: t("pairing.title") }, [
        h("p", { class: "wait", role: "status" }, h("span", { class: "spinner big", "aria-hidden": "true" }), t(p.step === "waiting" ? "pairing.waiting" : "pairing.joining", { name })),
        p.step === "waiting" && p.digits ? large(p.digits, t("compare.digits")) : null, trouble(ui.problem),
      ], [button("different", t("pairing.stop"), "")]);
  }
}
