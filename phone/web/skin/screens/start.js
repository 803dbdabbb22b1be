// The first start: what this is, the code of the invitation, a name, the gate.

import { h } from "../dom.js";
import { t } from "../text.js";
import { button, card, field, gate, installing, page, signingIn, submit, trouble } from "../parts.js";

export function start(view, ui) {
  const problem = ui.problem ?? view.setup.problem;
  const enrolling = view.setup.step === "enrolling" || ui.busy === "enrol";
  if (enrolling) return working();
  if (ui.route.name === "sign-in") return signIn(view.setup, ui, problem);
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
  ], [
    view.setup.offer ? button("go", t("start.sign_in"), "primary", { to: "sign-in" }) : null,
    button("go", t(view.setup.offer ? "start.with_code" : "start.begin"), view.setup.offer ? "quiet" : "primary", { to: "enrol" }), button("go", t("language.title"), "quiet", { to: "language" })]);
}

// signIn sets the phone up with a sign-in at Microsoft: first it is begun, then the number stands here until the page after
// the sign-in has asked for it.
function signIn(setup, ui, problem) {
  const begun = setup.sign_in;
  return page("sign-in", { title: t("signin.title"), back: true }, [
    h("p", {}, t("signin.what", { application: setup.offer?.application_name ?? "" })),
    begun ? signingIn(begun) : null,
    h("form", { "data-submit": begun ? "enrolSigned" : "beginSignIn", id: "enrol", novalidate: true },
      begun ? null : field("name", t("enrol.name"), { type: "text", value: ui.suggestion, autocomplete: "off", maxlength: 64, required: true }, t("enrol.name_help")),
      problem ? trouble(problem) : begun ? card("info", t("enrol.gate"), t("enrol.gate_next")) : null,
      h("footer", { class: "actions" }, submit(t(begun ? "signin.continue" : "enrolment.begin"), ["gate", "enrol_by_sign_in"].includes(ui.busy)))),
  ]);
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
