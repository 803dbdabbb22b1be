// Signing in without a network: how it stands for a phone, and what Windows can do with the key.
import { busy, h, icon } from "./draw.js";

const day = (text) => new Date(text).toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric" });
const time = (text) => new Date(text).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
const codes = (n) => (n === 1 ? "1 code" : `${n} codes`);

// badge says in a word or two how it stands.
function badge(o) {
  const s = o.standing;
  if (o.step === "broken") return ["danger", "Does not open"];
  if (o.step === "asking") return ["", "Phone is asked"];
  if (o.step === "registering") return ["", "Being registered"];
  if (o.step === "offered") return ["", "Not set up"];
  if (s.locked) return ["danger", "Locked"];
  if (s.clock_set_back) return ["danger", "Clock set back"];
  if (o.why) return ["danger", "Cannot be used"];
  if (o.key === "in") return ["ok", o.try_until ? "Being tried" : "Plugged in"];
  if (o.key === "failing") return ["danger", "Security key failing"];
  if (!s.proven_at) return ["warn", "Not tried yet"];
  if (s.left <= s.warn_at) return ["warn", "Few codes left"];
  return ["ok", "Ready"];
}

export function offline(p, { act, dialog }) {
  const o = p.offline;
  if (!o) return null;
  const s = o.standing;
  const [kind, words] = badge(o);
  const path = `/api/phones/${encodeURIComponent(p.pairing)}/offline`;
  const button = (text, key, work, cls) => h("button", { type: "button", class: cls, "data-key": `${key} ${p.pairing}`, "aria-label": `${text}: ${p.name}, without a network`, onclick: busy(work) }, text);
  const there = o.step === "ready" || o.step === "broken";
  const seal = s?.seal?.kind === "tpm" ? "Kept by the TPM of this computer." : `No TPM keeps it: ${s?.seal?.text}.`;
  return h("section", { class: "offline", "aria-label": `${p.name} without a network` },
    h("div", { class: "badges" }, h("strong", {}, "Without a network"), h("span", { class: `badge ${kind}` }, words)),
    o.why && h("p", { class: "small" }, o.why.message, " ", h("span", { class: "soft" }, o.why.next)),
    o.problem && h("p", { class: "small" }, o.problem.message, " ", h("span", { class: "soft" }, o.problem.next)),
    o.step === "ready" && h("p", { class: "small" },
      `${codes(s.left)} of ${s.codes} left, good until ${day(s.expires)}. `,
      s.recovery && "Codes of the help desk are taken too. ", s.renewing && "New codes are on their way to the phone. ",
      !s.locked && s.tries_left < 8 && h("span", { class: "warn-text" }, `${s.tries_left} ${s.tries_left === 1 ? "try" : "tries"} left. `),
      s.proven_at && `Windows has seen the key since ${day(s.proven_at)}. `, h("span", { class: "soft" }, seal)),
    o.try_until && h("p", { class: "small" }, `The offline key is in place of the phone's until ${time(o.try_until)}.`),
    o.next && !o.problem && !o.why && h("p", { class: "small soft" }, o.next),
    h("div", { class: "row" },
      o.step === "offered" && o.offered && button("Set up", "offline", () => act("POST", path), "plain"),
      o.step === "ready" && !o.why && !o.try_until && button("Try it once", "try", () => act("POST", `${path}/try`), "plain"),
      there && button("Remove", "forget", () => dialog.forget(p), "plain")));
}

// windows is what Windows does with the key, and what it does not, where people look for it.
export function windows(v) {
  if (!v.enrolled || v.join.state === "none") return null;
  const without = v.phones.some((p) => p.offline);
  return h("details", {}, h("summary", { "data-key": "windows" }, "Signing in to Windows with the key"),
    h("ol", {},
      h("li", {}, "Lock Windows and choose Sign-in options, then the picture of a security key. Windows remembers the way you used last."),
      h("li", {}, "Accept on the phone, with your biometric."),
      without && h("li", {}, "Without a network: type the code that the phone shows for this computer. There is nothing to touch."),
      h("li", {}, "After sleep Windows may begin by itself for Other user. It puts your name there once you have accepted.")),
    h("p", { class: "small soft" }, "In Chrome, where a password is asked for: Other ways to sign in, Use Windows Hello or a security key, Security key."),
    h("h3", {}, "Where it does not work"),
    h("ul", { class: "plain-list" },
      v.join.supported ? null : h("li", {}, v.join.support),
      h("li", {}, "In a remote desktop session: the key stays at the machine you sit at. Pair the phone there, and use web sign-in in the session."),
      h("li", {}, "On servers, and for Run as: Windows takes no security key there."),
      v.join.state === "hybrid" && h("li", {}, "For administrators of a hybrid domain: Microsoft refuses their security keys by default. Try it with another account."),
      without && h("li", {}, "Without a network, for somebody who has never signed in at this computer with the key while there was one."),
      without && h("li", {}, "Without a network, for Other user on a computer that does not know the person yet.")));
}
