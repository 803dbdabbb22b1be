// Offer: a passkey from the organisation.

import { h } from "../dom.js";
import { t } from "../text.js";
import { button, card, facts, icon, page, trouble } from "../parts.js";

export function offer(view, ui) {
  const o = view.offer;
  const about = facts([[t("offer.account"), o.account], [t("offer.rp"), o.rp_name ? `${o.rp_name} (${o.rp_id})` : o.rp_id]]);
  switch (o.step) {
    case "ask":
      return page("offer", { title: t("offer.title"), kind: "approve" }, [
        h("p", {}, t("offer.what", { application: view.phone.application_name })), about, o.mandatory ? card("info", t("offer.must"), t("offer.must_next")) : null, card("info", t("offer.gate"), t("offer.gate_next")), trouble(ui.problem),
      ], [button("accept", [icon("check"), t("offer.yes")], "primary huge", { id: o.id }, ui.busy === "accept"), o.mandatory ? null : button("decline", t("offer.no"), "huge", { id: o.id }, ui.busy === "decline")]);
    case "done":
      return page("offer-done", { title: t("offer.done"), kind: "done" }, [h("p", { class: "mark ok" }, icon("check")), h("p", {}, t("offer.done_what")), about], [button("closeOffer", t("done"), "primary")]);
    case "failed":
      return page("offer-failed", { title: t("offer.failed") }, [trouble(o.problem ?? { code: "internal" }), about], [button("closeOffer", t("close"), "primary")]);
    default:
      return page("offer-working", { title: t("offer.working") }, [
        h("p", { class: "wait", role: "status" }, h("span", { class: "spinner big", "aria-hidden": "true" }), t(o.step === "sent" ? "offer.sent" : "offer.making")), about,
        o.step === "sent" ? h("p", { class: "soft" }, t("offer.sent_next")) : null,
      ]);
  }
}
