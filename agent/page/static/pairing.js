// The dialog: pairing from the first word to the last, unpairing, and giving up signing in offline.
//
//   reminder → (open → compare → confirming → done | failed: the server's steps) → check → almost
//
// almost is reopened by the badge "Pairing incomplete" and becomes complete by itself.
import { busy, h, icon, swap } from "./draw.js";

const securityInfo = "https://mysignins.microsoft.com/security-info";

export function pairing(dialog, act, view) {
  let stage = null; // what is shown: a name, or null while closed
  let phone = ""; // pairing id the stages after done are about
  let missing = false; // "I am connected" was pressed and it was not so
  let drawn = "";
  let clock = 0;

  const end = () => {
    clearInterval(clock);
    stage = null;
    drawn = "";
    if (dialog.open) dialog.close();
  };
  const put = () => act("DELETE", "/api/pairing");
  dialog.addEventListener("cancel", (e) => { e.preventDefault(); leave(); });
  const leave = () => { if (stage === "server") put(); end(); };

  const to = (next) => { stage = next; drawn = ""; render(); };
  const start = (typed) => act("POST", "/api/pairing", { typed }).then((ok) => ok ? to("server") : end());
  const own = () => view()?.phones.find((p) => p.pairing === phone);

  function render() {
    if (!stage) return;
    const v = view();
    const step = stage === "server" ? v.pairing?.step ?? "gone" : stage;
    const shown = JSON.stringify([step, v.pairing, stage === "check" || stage === "almost" ? [own(), v.connected, missing] : 0]);
    if (shown === drawn) return;
    const first = JSON.parse(drawn || "[]")[0] !== step;
    drawn = shown;
    clearInterval(clock);
    const parts = steps[step]?.(v.pairing, v);
    if (!parts) { end(); return; }
    const [title, ...rest] = parts;
    swap(dialog, [h("h2", { id: "dialog-title", tabindex: "-1" }, title), ...rest]);
    if (!dialog.open) dialog.showModal();
    if (first) dialog.querySelector("h2").focus();
  }

  const button = (text, work, cls) => h("button", { type: "button", class: cls, "data-key": text, onclick: busy(work) }, text);
  const actions = (...all) => h("div", { class: "actions" }, all);

  // left counts down.
  function left(until) {
    const e = h("p", { class: "soft small", role: "timer" });
    const tick = () => {
      const s = Math.max(0, Math.ceil((new Date(until) - Date.now()) / 1000));
      e.textContent = s === 0 ? "The time is over." : `${s} second${s === 1 ? "" : "s"} left`;
    };
    tick();
    clock = setInterval(tick, 1000);
    return e;
  }

  const steps = {
    reminder: () => [
      "Pair a phone", icon("phone", "", "big"),
      h("p", {}, "First the phone is paired with Postern. Afterwards you have to open Microsoft's security info once, and register the phone there as a security key. Only then can you sign in with it."),
      h("p", { class: "soft" }, "Open the Postern app on the phone before you go on."),
      actions(button("Continue", () => start(false)), button("Cancel", end, "plain")),
    ],
    open: (p) => p.typed ? [
      "Type this code on the phone",
      h("p", {}, "In the app choose Connect a computer, then Type the code instead."),
      h("p", { class: "code" }, p.code), left(p.expires),
      actions(button("Show a code to scan", () => start(false), "plain"), button("Cancel", leave, "plain")),
    ] : [
      "Scan this with the phone",
      h("p", {}, "In the app choose Connect a computer, and point the camera here."),
      h("img", { class: "qr", alt: "QR code for the Postern app", src: `/api/qr.svg?${encodeURIComponent(p.expires)}` }), left(p.expires),
      actions(button("Show a code to type", () => start(true), "plain"), button("Cancel", leave, "plain")),
    ],
    compare: (p) => [
      "Are the digits the same?",
      h("p", {}, `${p.name} shows three digits. Compare them with these:`),
      h("p", { class: "digits", role: "img", "aria-label": [...p.digits].join(" ") }, [...p.digits].map((d) => h("span", {}, d))), left(p.expires),
      actions(button("The same", () => act("POST", "/api/pairing/answer", { same: true })), button("Different", () => act("POST", "/api/pairing/answer", { same: false }), "danger")),
    ],
    confirming: (p) => [
      "Now confirm on the phone", icon("phone", "", "big wait"),
      h("p", {}, `Press The same on ${p.name} too.`), actions(button("Cancel", leave, "plain")),
    ],
    done: (p) => {
      phone = p.pairing;
      return ["The phone is paired", icon("check", "", "big"), h("p", {}, `${p.name} and this computer know each other now.`), actions(button("Finish", () => { put(); missing = false; to("check"); }))];
    },
    failed: (p) => [
      "The phone was not paired", icon("warning", "", "big warn"), h("p", {}, p.problem?.message), h("p", { class: "soft" }, p.problem?.next),
      actions(button("Try again", () => start(p.typed)), button("Close", leave, "plain")),
    ],
    gone: () => [
      "The pairing has ended", h("p", {}, "It was ended in another window, or the agent started anew."),
      actions(button("Try again", () => start(false)), button("Close", end, "plain")),
    ],
    check: (_, v) => {
      const there = own()?.presence === "present";
      return [
        "Is the phone connected?",
        h("p", {}, "Keep the app open. Phone and computer both have to reach the control center; they need not be on the same network."),
        h("ul", { class: "lines" }, line(v.connected, "This computer is connected", "This computer is not connected"), line(there, "The phone is connected", "The phone is not connected yet")),
        missing && !(there && v.connected) && h("div", { class: "note warn", role: "alert" }, icon("warning"), h("p", {},
          v.connected ? "The phone has not come back yet. Open the app on it, and check that it has a network." : "This computer has lost the relay. Check its network, then use Check this computer.")),
        actions(button("I am connected", async () => {
          await act("POST", "/api/refresh");
          const ok = view().connected && own()?.presence === "present";
          missing = !ok;
          if (ok) to(own().incomplete ? "almost" : "complete"); else { drawn = ""; render(); }
        }), button("Later", end, "plain")),
      ];
    },
    almost: () => {
      const p = own();
      if (p && !p.incomplete) return steps.complete();
      return [
        "Phone pairing almost complete!", icon("warning", "", "big warn"),
        h("p", {}, `${p?.name ?? "The phone"} is paired with Postern, but not yet registered with Microsoft. Go on there to finish; keep the app open.`),
        h("div", { class: "actions" }, h("a", { class: "button", href: securityInfo, target: "_blank", rel: "noopener noreferrer", "data-key": "entra" }, "Continue in Entra"), button("Later", end, "plain")),
        h("details", {}, h("summary", { "data-key": "more" }, "View more instructions"), h("ol", {}, [
          "Sign in at Security info with the account the phone was enrolled for. Microsoft may ask for another method first.",
          "Choose Add sign-in method, then Security key, then USB device.",
          "Where the browser asks which kind of passkey, choose an external security key, not this device.",
          "When it says to touch the security key, look at the phone: it shows the request with the number that stands here. Accept, and unlock with your finger or face.",
          "Give the key a name. This page says by itself when all is done.",
        ].map((t) => h("li", {}, t)))),
      ];
    },
    complete: () => ["Phone pairing complete", icon("check", "", "big"), h("p", {}, `${own()?.name ?? "The phone"} is ready: you can sign in with it at this computer.`), actions(button("Close", end))],
    unpair: () => {
      const p = own();
      if (!p) return null;
      return [
        `Unpair ${p.name}?`, h("p", {}, `${p.name} (${p.user_principal_name}) can no longer be used at this computer. Its passkey stays on it and at Microsoft, and it can be paired again.`),
        actions(button("Unpair", async () => { await act("DELETE", `/api/phones/${encodeURIComponent(p.pairing)}`); end(); }, "danger"), button("Cancel", end, "plain")),
      ];
    },
    forget: () => {
      const p = own();
      if (!p) return null;
      return [
        `Stop signing in offline with ${p.name}?`, h("p", {}, `Without a network ${p.name} (${p.user_principal_name}) no longer opens this computer. The passkey made for it is deleted here and at Microsoft, and the phone forgets its codes. It can be set up again.`),
        actions(button("Remove", async () => { await act("DELETE", `/api/phones/${encodeURIComponent(p.pairing)}/offline`); end(); }, "danger"), button("Cancel", end, "plain")),
      ];
    },
  };

  const line = (yes, good, bad) => h("li", { class: yes ? "yes" : "no" }, icon(yes ? "check" : "cross"), yes ? good : bad);

  return {
    begin: () => to("reminder"),
    almost: (id) => { phone = id; to("almost"); },
    unpair: (p) => { phone = p.pairing; to("unpair"); },
    forget: (p) => { phone = p.pairing; to("forget"); },
    follow: render,
  };
}
