// The parts of the page beside the dialog.
import { busy, h, icon } from "./draw.js";
import { offline, windows } from "./offline.js";

const presence = { present: ["present", "Connected"], away: ["phone", "Connection broken, may come back"], gone: ["gone", "Not connected"] };
const keys = {
  in: ["ok", "Security key plugged in"], away: ["warn", "Security key plugged in, phone away"], asking: ["", "Phone is asked"],
  failing: ["danger", "Security key failing"], out: ["", "Security key not plugged in"],
};

function note(kind, name, message, next) {
  return h("div", { class: `note ${kind}` }, icon(name), h("div", {}, h("p", {}, message), next && h("p", { class: "soft" }, next)));
}

// notices are what is to be known before anything else.
export function notices(v, problem, lost) {
  const all = [];
  if (lost) all.push(note("warn", "warning", "The agent does not answer.", "It is tried again by itself. If that goes on, open the page anew with postern-agent open."));
  if (problem) all.push(note("danger", "warning", problem.message, problem.next));
  if (v?.problem) all.push(note("danger", "warning", v.problem.message, v.problem.next));
  if (v?.notice) all.push(note("danger", "warning", v.notice.message, v.notice.next));
  if (v?.remote) all.push(note("", "info", v.remote.message, v.remote.next));
  return all;
}

export function phones(v, { act, dialog }) {
  if (!v.enrolled) return enrolment(act);
  const head = h("div", { class: "head" }, h("h2", { id: "phones-title" }, "Phones"),
    h("button", { type: "button", "data-key": "pair", onclick: () => dialog.begin() }, "Start Pairing"));
  if (v.phones.length === 0) return [head, h("p", { class: "soft" }, "No phone is paired with this computer yet. Have the Postern app open on your phone, and press Start Pairing.")];
  return [head, h("ul", { class: "phones" }, v.phones.map((p) => phone(p, { act, dialog })))];
}

function phone(p, tools) {
  const { dialog } = tools;
  const [picture, words] = presence[p.presence] ?? presence.gone;
  const [kind, key] = keys[p.key] ?? keys.out;
  return h("li", {},
    h("span", { class: `picture ${p.presence}` }, icon(picture, words)),
    h("div", {},
      h("h3", {}, p.name), h("p", { class: "soft" }, p.user && p.user !== p.user_principal_name ? `${p.user} · ${p.user_principal_name}` : p.user_principal_name),
      h("div", { class: "badges" }, h("span", { class: `badge ${kind}` }, key),
        p.incomplete && h("button", { type: "button", class: "badge", "data-key": `incomplete ${p.pairing}`, onclick: () => dialog.almost(p.pairing) }, icon("warning"), "Pairing incomplete")),
      p.problem && h("p", { class: "small" }, p.problem.message, " ", h("span", { class: "soft" }, p.problem.next)),
      offline(p, tools)),
    h("button", { type: "button", class: "plain", "data-key": `unpair ${p.pairing}`, "aria-label": `Unpair ${p.name}`, onclick: () => dialog.unpair(p) }, "Unpair"));
}

function enrolment(act) {
  return [
    h("h2", { id: "phones-title" }, "Connect this computer"),
    h("p", { class: "soft" }, "Postern is not set up here yet. Your administrator knows the address of the control center."),
    h("form", { onsubmit: busy((e) => {
      const f = new FormData(e.target);
      return act("POST", "/api/enrolment", { server: f.get("server"), integration: f.get("integration") });
    }) },
      h("div", { class: "field" }, h("label", { for: "server" }, "Address of the control center"), h("input", { id: "server", name: "server", type: "url", required: true, autocomplete: "off", placeholder: "https://postern.example.com" })),
      h("div", { class: "field" }, h("label", { for: "integration" }, "Integration (if there are several)"), h("input", { id: "integration", name: "integration", autocomplete: "off" })),
      h("button", { type: "submit", "data-key": "enrol" }, "Connect")),
  ];
}

export function computer(v, { act }) {
  const line = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  return [
    h("div", { class: "head" }, h("h2", { id: "computer-title" }, "This computer")),
    h("dl", {},
      v.enrolled && line("Control center", v.server, v.application && h("span", { class: "soft" }, ` · ${v.application}`)),
      line("System", v.system),
      line("Join state", h("strong", {}, v.join.name), h("br"), h("span", { class: "soft" }, v.join.problem || `${v.join.sign_in} ${v.join.support}`)),
      line("Keys are kept", v.seal.text[0].toUpperCase() + v.seal.text.slice(1) + "."),
      line("Software", v.software)),
    windows(v),
    v.enrolled && h("details", {}, h("summary", { "data-key": "rename" }, "Rename this computer"),
      h("form", { onsubmit: busy((e) => act("PUT", "/api/name", { name: new FormData(e.target).get("name") })) },
        h("div", { class: "field" }, h("label", { for: "name" }, "Name"), h("input", { id: "name", name: "name", required: true, maxlength: 64, autocomplete: "off", value: v.name })),
        h("button", { type: "submit", class: "plain", "data-key": "save name" }, "Save"))),
  ];
}

// levels of findings, worst first.
const levels = [
  ["failure", "cross", "Failure", "Does not work"], ["warning", "warning", "Warning", "Does not always work"], ["unknown", "unknown", "Not known", "Could not be looked at"],
  ["note", "info", "To know", "To know"], ["ok", "check", "Well", "Well"],
];

export function checkup(_, { act }) {
  const out = h("div", { "aria-live": "polite" });
  return [
    h("div", { class: "head" }, h("h2", { id: "checkup-title" }, "Something does not work?"),
      h("button", { type: "button", class: "plain", "data-key": "doctor", onclick: busy(async () => {
        out.replaceChildren(h("p", { class: "soft wait" }, "Looking…"));
        const report = await act("GET", "/api/doctor");
        if (report) out.replaceChildren(...findings(report.findings));
        else out.replaceChildren();
      }) }, "Check this computer")),
    out,
  ];
}

// findings are grouped, worst first. What is well is folded away while something is not.
function findings(all) {
  return levels.map(([state, name, words, title]) => {
    const some = all.filter((f) => f.state === state);
    if (some.length === 0) return null;
    const list = h("ul", { class: "findings" }, some.map((f) => finding(f, name, words)));
    if (state === "ok" && some.length < all.length) return h("details", { class: "well" }, h("summary", {}, `${title} (${some.length})`), list);
    return h("section", {}, h("h3", {}, `${title} (${some.length})`), list);
  }).filter(Boolean);
}

function finding(f, name, words) {
  const link = /^https:\/\//.test(f.link || "") && f.state !== "ok";
  return h("li", { class: f.state === "note" ? "note-level" : f.state }, icon(name, words), h("div", {},
    h("p", {}, f.message), f.state !== "ok" && f.why && h("p", { class: "soft small" }, f.why), f.next && h("p", { class: "soft" }, f.next),
    link && h("p", { class: "small" }, h("a", { href: f.link, target: "_blank", rel: "noreferrer", "aria-label": `What Microsoft says about: ${f.check}` }, "What Microsoft says"))));
}
