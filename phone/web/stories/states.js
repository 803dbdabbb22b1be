// What the stories show.

const when = "2026-03-02T08:15:00Z";

const phone = {
  id: "phn_7q2v9k4m1x8c", name: "Pixel 9", server: "https://postern.example", user_principal_name: "adele.vance@contoso.example", user: "Adele Vance",
  application_name: "Contoso Passkeys", phase: "active", assurance: "gated", gate: { credential_id: "AQIDBA", salt: "AAAA" }, can_provision: true, synced: when,
};

const key = {
  id: "AQ", passkey_id: "pky_1", name: "Microsoft", account: "adele.vance@contoso.example", rp_id: "login.microsoft.com", state: "ready", created: "2026-02-20T09:30:00Z", last_used: when,
};

const laptop = { id: "p1", name: "CONTOSO-LT-0417", kind: "agent", os: "Windows 11 24H2", join: "Joined to Microsoft Entra", present: true, paired: "2026-02-20T09:28:00Z", last_used: when };
const browser = { id: "p2", name: "Edge at home", kind: "extension", os: "macOS 15", join: "Not joined", present: false, paired: "2026-02-24T18:00:00Z" };

const activity = [
  { at: when, kind: "sign_in", outcome: "accepted", rp_id: "login.microsoft.com", account: key.account, workstation: laptop.name },
  { at: "2026-03-01T17:02:11Z", kind: "sign_in", outcome: "denied", rp_id: "login.microsoft.com", account: key.account, workstation: browser.name },
  { at: "2026-03-01T07:58:40Z", kind: "sign_in", outcome: "late", rp_id: "login.microsoft.com", account: key.account, workstation: laptop.name },
  { at: "2026-02-27T08:01:02Z", kind: "sign_in", outcome: "failed", rp_id: "login.microsoft.com", account: key.account, workstation: laptop.name },
  { at: "2026-02-20T09:30:00Z", kind: "register", outcome: "accepted", rp_id: "login.microsoft.com", account: key.account, workstation: laptop.name },
];

const enrolled = {
  revision: 7, version: "dev", phone, link: { state: "online" }, keys: [key], computers: [laptop, browser], notices: [], activity, push: { public_key: "BA", subscribed: true },
};

const setup = { revision: 1, version: "dev", setup: { user_id: "AQ", salt: "AA", step: "begin" }, link: {}, keys: [], computers: [], notices: [], activity: [], push: { subscribed: false } };

const approval = {
  id: "a1", kind: "sign_in", rp_id: "login.microsoft.com", rp_name: "Microsoft", accounts: [key.account], choosing: false, workstation: laptop.name, program: "Microsoft Edge",
  number: "47", asked: when, deadline: "2026-03-02T08:15:45Z", biometric: true,
};

const offline = { state: "ready", left: 19, expires: "2026-04-01T08:15:00Z" };
const code = { computer: laptop.id, workstation: laptop.name, code: "04211933", shown: when, until: "2026-03-02T08:15:30Z", left: 18, state: "ready" };

// withCodes is a phone with codes for the laptop, and perhaps for another computer.
const withCodes = (of, route, id, other, ui) => at(route ?? "home", id, ui, {
  computers: [{ ...laptop, offline: { ...offline, ...of } }, { ...browser, ...other }], activity: [{ ...activity[0], kind: "code" }, { ...activity[4], kind: "offline" }],
});

const offer = { id: "prv_1", rp_id: "login.microsoft.com", rp_name: "Microsoft", account: key.account, step: "ask" };
const fingerprint = "4711 0815 2342 9001";
const pairing = { step: "joining", workstation: laptop.name, deadline: "2026-03-02T08:18:00Z" };
const problem = (code, message, next, more) => ({ code, message, next, ...more });

const at = (name, id, ui, view) => () => ({ view: { ...enrolled, ...view }, ui: { route: { name, id }, persistent: true, push: "granted", ...ui } });
const home = (view, ui) => at("home", undefined, ui, view);
const first = (name, ui, more) => () => ({ view: { ...setup, setup: { ...setup.setup, ...more } }, ui: { route: { name }, ...ui } });
const blocked = (code) => () => ({ view: null, ui: { blocked: code } });
const check = (name, ok, text, code) => ({ check: name, ok, text, code });
const incomplete = { ...key, state: "incomplete", id: "account", created: null, last_used: null, problem: problem("passkey_incomplete", "Pairing incomplete: this phone is known to your organisation, but Microsoft Entra ID has no passkey of it yet.", "Ask for a passkey here, and accept it when it is offered.") };
const unlisted = problem("passkey_not_listed", "Microsoft does not list the passkey that this phone made, so it cannot be used to sign in.", "Open Security info again, and add the phone as a security key through to the last page, where the key is given a name.");

export const stories = {
  "start": first("home"),
  "start-sign-in": first("home", {}, { offer: { integration_id: "int_1", application_name: "Contoso" } }),
  "sign-in": first("sign-in", {}, { offer: { integration_id: "int_1", application_name: "Contoso" } }),
  "sign-in-number": first("sign-in", {}, { offer: { integration_id: "int_1", application_name: "Contoso" }, sign_in: { url: "https://login.example/authorize", number: "417" } }),
  "sign-in-pending": first("sign-in", {}, { offer: { integration_id: "int_1", application_name: "Contoso" }, sign_in: { url: "https://login.example/authorize", number: "417" }, problem: problem("sign_in_pending", "The sign-in at Microsoft is not confirmed yet.", "Sign in, and type the number that the app shows on the page after it.") }),
  "start-offline": first("home", { online: false }),
  "start-lower-assurance": first("home", { lacks: ["prf"] }),
  "start-no-screen-lock": first("home", { lacks: ["platform"] }),
  "start-install": first("home", { install: "prompt" }),
  "start-install-ios": first("home", { install: "ios" }),
  "start-code-of-a-computer": first("home", { pending: "https://postern.example/p#x" }),
  "enrol": first("enrol", { invite: "K7QF-01AB-CDEF-9XYZ" }),
  "enrol-confirming": first("enrol", { invite: "K7QF-01AB-CDEF-9XYZ", busy: "gate" }),
  "enrol-working": first("enrol", { busy: "enrol" }),
  "enrol-wrong-code": first("enrol", { invite: "K7QF-01AB-CDEF-9XYZ", problem: problem("invitation_code_invalid", "The code is not right.", "Check each character. After several wrong codes the invitation locks, and a new one is needed.", { field: "code" }) }),
  "enrol-cancelled": first("enrol", { invite: "K7QF-01AB-CDEF-9XYZ", problem: problem("gate_cancelled", "", "") }),
  "enrol-refused": first("enrol", { invite: "K7QF-01AB-CDEF-9XYZ", problem: problem("phone_assurance_too_low", "This phone cannot protect the passkey with its own biometric, and the integration asks for that.", "Use a phone and browser that support it, or ask an administrator to accept lower assurance.") }),
  "enrol-scan": first("scan-invite", { camera: "starting" }),
  "home": home(),
  "home-empty": home({ keys: [], computers: [], push: { subscribed: false } }),
  "home-connecting": home({ link: { state: "connecting" } }),
  "home-incomplete": home({ keys: [incomplete], computers: [] }),
  "home-states": home({ keys: ["ready", "incomplete", "checking", "working", "damaged", "removing"].map((state, i) => ({ ...key, id: `k${i}`, state, account: `${i + 1}.${key.account}` })) }),
  "home-offline": home({ link: { state: "offline" } }, { online: false }),
  "home-update": home({}, { update: true }),
  "home-install": home({}, { install: "prompt" }),
  "home-install-later": home({}, { install: "prompt", installLater: true }),
  "home-install-ios": home({}, { install: "ios" }),
  "home-paused": home({ notices: [{ id: "n3", grave: false, computer: laptop.name, ...problem("computer_paused", `The computer ${laptop.name} has asked several times in a row for what you did not accept, and is not listened to for five minutes.`, "If you are signing in there yourself, dismiss this notice and try again. If it is not you, unpair the computer and tell your help desk."), dismissible: true }] }),
  "home-notifications": home({ push: { public_key: "BA", subscribed: false } }, { push: "default" }),
  "home-notices": home({ notices: [
    { id: "n1", grave: true, ...problem("integration_disabled", "The integration is DISABLED, so nobody can register or authenticate with it.", "Ask an administrator to enable the integration."), dismissible: false },
    { id: "n2", grave: false, ...problem("pairing_ended", "The pairing of these two devices has ended.", "Pair phone and workstation again if it is still wanted."), dismissible: true },
  ], computers: [{ ...laptop, notice: problem("feature_flag_off", "The flag RP_APP_WORKSTATION_ENABLED is off.", "Ask an administrator.") }] }),
  "home-refused": home({ link: { state: "refused", problem: problem("phone_revoked", "This phone was removed by your organisation.", "If you still have the phone, ask your help desk for a new invitation.") } }),
  "home-sign-in": home({ keys: [{ ...incomplete, state: "working" }], enrolment: { mandatory: false, can_ask: true, missing: ["entra_sign_in"], approvals: 0, needed: 0, fingerprint } }),
  "home-sign-in-open": home({ keys: [{ ...incomplete, state: "working" }], enrolment: { mandatory: true, can_ask: true, missing: ["entra_sign_in"], approvals: 0, needed: 0, fingerprint, sign_in: { url: "https://login.example/authorize", number: "417" } } }),
  "home-approval": home({ keys: [{ ...incomplete, state: "working" }], enrolment: { mandatory: false, can_ask: true, missing: ["approval"], approvals: 0, needed: 1, fingerprint } }),
  "home-approval-of-two": home({ keys: [{ ...incomplete, state: "working" }], enrolment: { mandatory: true, can_ask: true, missing: ["one_time_code", "entra_sign_in", "approval"], approvals: 1, needed: 2, fingerprint } }),
  "home-mandatory": home({ keys: [incomplete], enrolment: { mandatory: true, can_ask: true, missing: [], approvals: 0, needed: 0, fingerprint } }),
  "key": at("key", "AQ"),
  "key-incomplete": at("key", "account", {}, { keys: [incomplete] }),
  "key-incomplete-self-service": at("key", "account", {}, { keys: [incomplete], phone: { ...phone, can_provision: false } }),
  "key-checking": at("key", "AQ", {}, { keys: [{ ...key, state: "checking" }] }),
  "key-not-listed": at("key", "AQ", {}, { keys: [{ ...key, state: "incomplete", last_used: null, problem: unlisted }] }),
  "key-looking-again": at("key", "AQ", { busy: "look" }, { keys: [{ ...key, state: "incomplete", last_used: null, problem: unlisted }] }),
  "key-working": at("key", "AQ", {}, { keys: [{ ...incomplete, id: "AQ", state: "working" }] }),
  "key-removing": at("key", "AQ", {}, { keys: [{ ...key, state: "removing" }] }),
  "key-damaged": at("key", "AQ", {}, { keys: [{ ...key, state: "damaged", problem: problem("internal", "The record of this passkey is damaged, so it cannot be used.", "Delete it and register again.") }] }),
  "key-rename": at("key-rename", "AQ"),
  "key-delete": at("key-delete", "AQ"),
  "key-gone": at("key", "other"),
  "computer": at("computer", "p1"),
  "computer-away": at("computer", "p2"),
  "computer-notice": at("computer", "p1", {}, { computers: [{ ...laptop, notice: problem("integration_disabled", "The integration is DISABLED, so nobody can register or authenticate with it.", "Ask an administrator to enable the integration.") }] }),
  "computer-rename": at("computer-rename", "p1", { problem: problem("invalid", "The name is longer than 64 characters.", "Shorten it.", { field: "name" }) }),
  "computer-remove": at("computer-remove", "p1"),
  "scan": at("pair", undefined, { camera: "on" }),
  "scan-strange": at("pair", undefined, { camera: "on", strange: true }),
  "scan-denied": at("pair", undefined, { camera: "camera_denied" }),
  "scan-no-camera": at("pair", undefined, { camera: "camera_missing" }),
  "scan-busy": at("pair", undefined, { camera: "camera_busy" }),
  "type": at("pair-typed"),
  "type-wrong": at("pair-typed", undefined, { problem: problem("link_rendezvous_unknown", "The code has expired, or the workstation that showed it is not connected.", "Show a new code at the workstation and type that.", { field: "text" }) }),
  "opened": home({}, { pending: "https://postern.example/p#x" }),
  "pairing-joining": home({ pairing: { ...pairing, workstation: "" } }),
  "pairing-compare": home({ pairing: { ...pairing, step: "compare", digits: "407" } }),
  "pairing-waiting": home({ pairing: { ...pairing, step: "waiting", digits: "407" } }),
  "pairing-done": home({ pairing: { ...pairing, step: "done" } }),
  "pairing-done-notice": home({ pairing: { ...pairing, step: "done", notice: problem("integration_disabled", "The integration is DISABLED, so nobody can register or authenticate with it.", "Ask an administrator to enable the integration.") } }),
  "pairing-failed": home({ pairing: { ...pairing, step: "failed", problem: problem("pairing_expired", "The pairing code has expired.", "Show a new code at the workstation and scan it within a minute.") } }),
  "approve-sign-in": home({ approval }),
  "approve-late": home({ approval: { ...approval, deadline: "2026-03-02T08:15:19Z" } }),
  "approve-confirming": home({ approval }, { busy: "approve" }),
  "approve-cancelled": home({ approval }, { problem: problem("gate_cancelled", "", "") }),
  "approve-register": home({ approval: { ...approval, kind: "register" } }),
  "approve-touch": home({ approval: { ...approval, kind: "touch", accounts: [], rp_name: "", rp_id: "", biometric: false } }),
  "approve-manage": home({ approval: { ...approval, kind: "manage", accounts: [], rp_name: "", rp_id: "", program: "fido2-token" } }),
  "approve-reset": home({ approval: { ...approval, kind: "reset", accounts: [], rp_name: "", rp_id: "", program: "fido2-token" } }),
  "approve-choose": home({ approval: { ...approval, choosing: true, accounts: [key.account, "adele.admin@contoso.example"] } }),
  "approve-offline": home({ approval: { ...approval, kind: "offline", rp_name: "", program: "", terms: { codes: 20, expires: "2026-04-01T08:15:00Z", seconds: 30 } } }),
  "home-codes": withCodes(),
  "home-codes-of-two": withCodes({}, "home", "", { name: browser.name, id: "p2", offline: { ...offline, state: "none", left: 0 } }),
  "home-codes-offline": withCodes({}, "home", "", null, { online: false }),
  "computer-codes": withCodes({}, "computer", "p1"),
  "codes": withCodes({ state: "low", left: 4 }, "codes", "", { name: browser.name, id: "p2", offline }),
  "codes-empty": at("codes"),
  "codes-of": withCodes({}, "codes-of", "p1"),
  "codes-of-low": withCodes({ state: "low", left: 4 }, "codes-of", "p1"),
  "codes-of-none": withCodes({ state: "none", left: 0 }, "codes-of", "p1"),
  "codes-of-expired": withCodes({ state: "expired" }, "codes-of", "p1"),
  "codes-of-confirming": withCodes({}, "codes-of", "p1", null, { busy: "show_code" }),
  "codes-of-wrong": withCodes({}, "codes-of", "p1", null, { problem: problem("gate_cancelled", "", "") }),
  "codes-remove": withCodes({}, "codes-remove", "p1"),
  "code": home({ code }),
  "code-low": home({ code: { ...code, left: 4, state: "low", until: "2026-03-02T08:15:20Z" } }),
  "code-last": home({ code: { ...code, left: 0, state: "none" } }),
  "code-of-six": home({ code: { ...code, code: "042119" } }),
  "code-of-thirteen": home({ code: { ...code, code: "0421193377250" } }),
  "offer": home({ offer }),
  "offer-mandatory": home({ offer: { ...offer, mandatory: true } }),
  "offer-making": home({ offer: { ...offer, step: "making" } }),
  "offer-sent": home({ offer: { ...offer, step: "sent" } }),
  "offer-done": home({ offer: { ...offer, step: "done" } }),
  "offer-failed": home({ offer: { ...offer, step: "failed", problem: problem("entra_passkey_refused", "Entra refused the passkey.", "Tell your help desk: most often the passkey policy does not allow this kind of key.") } }),
  "activity": at("activity"),
  "activity-empty": at("activity", undefined, {}, { activity: [] }),
  "settings": at("settings"),
  "settings-install": at("settings", undefined, { install: "prompt", installLater: true }),
  "notifications": at("notifications", undefined, { push: "default" }, { push: { public_key: "BA", subscribed: false } }),
  "notifications-on": at("notifications"),
  "notifications-denied": at("notifications", undefined, { push: "denied" }, { push: { public_key: "BA", subscribed: false } }),
  "notifications-unsupported": at("notifications", undefined, { push: "unsupported" }, { push: { public_key: "BA", subscribed: false } }),
  "storage": at("storage"),
  "storage-may-go": at("storage", undefined, { persistent: false, asked: true }),
  "language": at("language"),
  "diagnosis": at("diagnosis"),
  "diagnosis-found": at("diagnosis", undefined, {}, { diagnosis: [
    check("network", true, "The phone is online."), check("clock", false, "The phone's clock is more than two minutes off. Set the phone to automatic time and try again.", "phone_clock_wrong"),
    check("control center", true, "The control center answers."), check("relay", true, "The connection to your computers stands."), check("integration", true, "Your organisation has the service switched on."),
    check("browser", true, "The browser has everything the app needs."), check("storage", false, "The browser may clear the app's storage. Protect it under Settings, Storage."), check("gate", true, "Your passkeys are locked by the screen lock."),
  ] }),
  "about": at("about"),
  "forget": at("forget"),
  "starting": () => ({ view: null, ui: {} }),
  "elsewhere": blocked("elsewhere"),
  ...Object.fromEntries(["wasm_missing", "storage_missing", "insecure_address", "browser_old", "core_failed", "core_offline", "core_stopped"].map((code) => [`blocked-${code.replaceAll("_", "-")}`, blocked(code)])),
};
