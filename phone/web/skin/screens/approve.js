// Approval: who asks for what, on which computer, and the two buttons.

import { h } from "../dom.js";
import { clock, moment, t } from "../text.js";
import { button, card, facts, icon, large, page, trouble } from "../parts.js";

// settled is how long a request is on the screen before Accept takes a tap, in milliseconds: a tap that was meant for what stood
// there before must not answer it.
export const settled = 500;

export function approve(view, ui) {
  const a = view.approval;
  if (a.choosing) return choose(a, ui);
  const grave = a.kind === "reset" || a.kind === "manage";
  return page(`approve-${a.id}`, { title: t(`approve.${a.kind}`), kind: "approve" }, [
    h("p", { class: "lead" }, h("strong", {}, a.terms ? t("approve.offline_lead", { name: a.workstation }) : a.rp_name || a.rp_id || a.workstation)),
    a.terms ? card("info", t("approve.offline_what", { name: a.workstation }), t("approve.offline_next", { name: a.workstation })) : null,
    grave ? card("bad", t(`approve.${a.kind}_what`), t(`approve.${a.kind}_next`)) : null,
    h("div", { class: "side" }, ring(a.asked, a.deadline, ui), h("div", {}, h("p", { class: "soft" }, t("approve.compare", { name: a.workstation })), large(a.number, t("approve.number")))),
    facts([[t("approve.account"), a.accounts.length > 1 ? t("approve.accounts", { count: a.accounts.length }) : a.accounts[0]],
      ...(a.terms ? [[t("approve.codes"), String(a.terms.codes)], [t("codes.until"), moment(a.terms.expires)]] : [[t("approve.rp"), a.rp_id]]),
      [t("approve.workstation"), a.terms ? "" : a.workstation], [t("approve.program"), a.program], [t("approve.asked"), clock(a.asked)]]),
    trouble(ui.problem),
  ], [
    button("approve", [icon("check"), t(a.kind === "reset" ? "approve.reset_yes" : "approve.yes")], `${a.kind === "reset" ? "danger" : "primary"} huge`, { id: a.id }, ui.busy === "approve", ui.fresh === a.id),
    button("deny", t("approve.no"), "huge", { id: a.id }, ui.busy === "deny"),
  ]);
}

function choose(a, ui) {
  return page(`choose-${a.id}`, { title: t("choose.title"), kind: "approve" }, [
    h("p", {}, t("choose.how", { rp: a.rp_name || a.rp_id })), trouble(ui.problem),
    h("ul", { class: "rows" }, a.accounts.map((account, i) => h("li", {},
      h("button", { type: "button", class: "row", "data-do": "choose", "data-id": a.id, "data-account": i, "aria-disabled": ui.busy === "choose" ? "true" : null }, icon("key"), h("span", { class: "grow name" }, account), icon("chevron"))))),
  ], [button("deny", t("approve.no"), "", { id: a.id })]);
}

// ring runs down as the time does.
export function ring(from, until, ui) {
  const whole = Math.max(1, new Date(until) - new Date(from));
  const left = Math.max(0, new Date(until) - ui.now());
  const round = 2 * Math.PI * 26;
  const seconds = Math.ceil(left / 1000);
  return h("div", { class: `ring ${seconds <= 10 ? "late" : ""}`, role: "timer", "aria-label": t("approve.left", { seconds }) },
    h("svg", { viewBox: "0 0 60 60", "aria-hidden": "true", focusable: "false" },
      h("circle", { cx: 30, cy: 30, r: 26, class: "rail" }),
      h("circle", { cx: 30, cy: 30, r: 26, class: "left", "stroke-dasharray": round.toFixed(1), "stroke-dashoffset": (round * (1 - Math.min(1, left / whole))).toFixed(1), transform: "rotate(-90 30 30)" })),
    h("span", { "aria-hidden": "true" }, `${seconds} s`));
}
