// The first start: what this is, the code of the invitation, a name, the gate.

import { h } from "../dom.js";
import { t } from "../text.js";
import { button, card, field, gate, installing, page, submit, trouble } from "../parts.js";

export function start(view, ui) {
  const problem = ui.problem ?? view.setup.problem;
  const enrolling = view.setup.step === "enrolling" || ui.busy === "enrol";
  if (enrolling) return working();
  if (ui.route.name === "enrol") return form(ui, problem);
  return page("start", { title: t("start.title"), kind: "welcome" }, [
    gate(),
    h("p", {}, t("start.what")),
    h("ol", { class: "steps" }, [1, 2, 3].map((n) => h("li", {}, t(`start.step${n}`)))),
    ui.pending ? card("info", t("start.code_opened"), t("start.code_opened_next")) : null,
    ui.install === "ios" ? card("warn", t("install.ios"), t("install.ios_next")) : null,
    ui.install === "prompt" ? installing(ui, t("install.later")) : null,
    ui.lacks.includes("platform") ? trouble({ code: "gate_unavailable" }) : null,
    ui.lacks.includes("prf") ? trouble({ code: "prf_missing" }, "warn") : null,
    trouble(problem),
  ], [button("go", t("start.begin"), "primary", { to: "enrol" }), button("go", t("language.title"), "quiet", { to: "language" })]);
}

function form(ui, problem) {
  const atCode = problem && (problem.field === "code" || problem.code.startsWith("invitation_"));
  return page("enrol", { title: t("enrol.title"), back: true }, [
    h("form", { "data-submit": "enrol", id: "enrol", novalidate: true },
      field("code", t("enrol.code"), {
        type: "text", value: ui.invite, autocomplete: "one-time-code", autocapitalize: "characters", autocorrect: "off", spellcheck: "false",
        inputmode: "text", maxlength: 40, required: true, class: "code", placeholder: "XXXX-XXXX-XXXX-XXXX",
      }, t("enrol.code_help"), atCode ? problem : null),
      button("scanInvite", t("enrol.scan"), "quiet"),
      field("name", t("enrol.name"), { type: "text", value: ui.suggestion, autocomplete: "off", maxlength: 64, required: true }, t("enrol.name_help")),
      problem && !atCode ? trouble(problem) : card("info", t("enrol.gate"), t("enrol.gate_next")),
      h("footer", { class: "actions" }, submit(t("enrol.button"), ui.busy === "gate"))),
  ]);
}

function working() {
  return page("enrolling", { title: t("enrol.working") }, [h("p", { class: "wait" }, h("span", { class: "spinner big", "aria-hidden": "true" }), t("enrol.working_text"))]);
}
