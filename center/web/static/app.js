// What the console does beyond plain pages. Everything here adds to markup that works without it, except passkeys, which
// only exist for scripts.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// say tells a screen reader what happened where nothing else on the page does.
function say(text) {
  const box = $("#said");
  if (box) { box.textContent = ""; requestAnimationFrame(() => { box.textContent = text; }); }
}

// ---- Passkeys (WebAuthn Level 3, §5.1.8: the JSON forms)

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function readCreation({ publicKey }) {
  return {
    ...publicKey,
    challenge: toBytes(publicKey.challenge),
    user: { ...publicKey.user, id: toBytes(publicKey.user.id) },
    excludeCredentials: (publicKey.excludeCredentials || []).map((c) => ({ ...c, id: toBytes(c.id) })),
  };
}

function readRequest({ publicKey }) {
  return {
    ...publicKey,
    challenge: toBytes(publicKey.challenge),
    allowCredentials: (publicKey.allowCredentials || []).map((c) => ({ ...c, id: toBytes(c.id) })),
  };
}

function writeCredential(credential) {
  const { response } = credential;
  const out = {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: { clientDataJSON: toText(response.clientDataJSON) },
  };
  if (credential.authenticatorAttachment) out.authenticatorAttachment = credential.authenticatorAttachment;
  if (response.attestationObject) {
    out.response.attestationObject = toText(response.attestationObject);
    out.response.transports = response.getTransports ? response.getTransports() : [];
  } else {
    out.response.authenticatorData = toText(response.authenticatorData);
    out.response.signature = toText(response.signature);
    if (response.userHandle) out.response.userHandle = toText(response.userHandle);
  }
  return out;
}

// Refusal is an answer in which the server says no, in words for people.
class Refusal extends Error {}

async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body || {}) });
  } catch {
    throw new Refusal("Postern cannot be reached. Check the network and try again.");
  }
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal([data.message, data.next].filter(Boolean).join(" ") || "Postern could not do that. Try again.");
  return data;
}

// whyNot turns what a ceremony threw into a sentence.
function whyNot(error) {
  if (error instanceof Refusal) return error.message;
  switch (error.name) {
    case "NotAllowedError": return "The passkey was not used: the request was cancelled or took too long. Try again.";
    case "InvalidStateError": return "This device already has a passkey for the console. Sign in with it instead.";
    case "SecurityError": return "This address is not the one that Postern was set up with, so passkeys do not work here. Open the console under its own address.";
    case "NotSupportedError": return "This device cannot make the kind of passkey that the console needs. Use another device or a security key.";
  }
  return "The passkey did not work on this device. Try again, or use another device.";
}

function outcome(card, text) {
  const box = $("[data-outcome]", card);
  box.replaceChildren();
  if (!text) return;
  const notice = document.createElement("div");
  notice.className = "notice bad";
  const words = document.createElement("p");
  words.textContent = text;
  notice.append(words);
  box.append(notice);
}

// during runs a ceremony with the button busy, and tells how it ended.
async function during(card, work) {
  const button = $("[data-passkey-form] button", card);
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  outcome(card, "");
  try {
    await work();
  } catch (error) {
    outcome(card, whyNot(error));
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

function noPasskeys(card) {
  if (window.PublicKeyCredential) return false;
  outcome(card, "This browser cannot use passkeys here. Use a current browser, and an https address (or http://localhost).");
  $("[data-passkey-form] button", card).disabled = true;
  return true;
}

function startSignIn(card) {
  if (noPasskeys(card)) return;
  const next = card.dataset.next;
  const waiting = new AbortController();
  const finish = async (credential) => {
    await ask("/sign-in/finish", writeCredential(credential));
    location.assign(next);
  };
  // Passkeys offered by the browser itself, as long as nobody presses the button. Only what goes wrong after somebody
  // chose one is worth a word.
  let chosen = false;
  const offer = (async () => {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.()) || waiting.signal.aborted) return;
    const publicKey = readRequest(await ask("/sign-in/begin"));
    const credential = await navigator.credentials.get({ publicKey, mediation: "conditional", signal: waiting.signal });
    chosen = true;
    await finish(credential);
  })().catch((error) => { if (chosen) { chosen = false; outcome(card, whyNot(error)); } });

  $("[data-passkey-form]", card).addEventListener("submit", (event) => {
    event.preventDefault();
    during(card, async () => {
      // There is one ceremony at a time in a session: the offer ends before the next one begins.
      if (!chosen) waiting.abort();
      await offer;
      if (chosen) return;
      const publicKey = readRequest(await ask("/sign-in/begin"));
      await finish(await navigator.credentials.get({ publicKey }));
    });
  });
}

function startWelcome(card) {
  if (noPasskeys(card)) return;
  const code = location.hash.slice(1);
  const form = $("[data-passkey-form]", card);
  if (!code) {
    form.hidden = true;
    outcome(card, "This link is not complete. Open it exactly as it was given to you, with everything after the #.");
    return;
  }
  // The code leaves the address bar and the history at once.
  history.replaceState(null, "", location.pathname);
  ask("/welcome/check", { code }).then((promise) => {
    if (promise.name) form.elements.name.value = promise.name;
    const role = $("[data-role]", card);
    if (role) { role.hidden = false; $("strong", role).textContent = promise.role_name; }
    form.elements.name.focus();
  }).catch((error) => { form.hidden = true; outcome(card, whyNot(error)); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    during(card, async () => {
      const options = readCreation(await ask("/welcome/begin", { code, name: form.elements.name.value }));
      await ask("/welcome/finish", writeCredential(await navigator.credentials.create({ publicKey: options })));
      location.assign("/integrations");
    });
  });
}

function startAddPasskey(card) {
  if (noPasskeys(card)) return;
  const form = $("[data-passkey-form]", card);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    during(card, async () => {
      const options = readCreation(await ask("/account/passkeys/begin", { name: form.elements.name.value }));
      await ask("/account/passkeys/finish", writeCredential(await navigator.credentials.create({ publicKey: options })));
      location.assign("/account?done=passkey-added");
    });
  });
}

// ---- Dialogs

function startDialog(dialog) {
  let opener = null;
  document.addEventListener("click", (event) => {
    const link = event.target.closest('[hx-target="#dialog"]');
    if (link && !dialog.contains(link)) opener = link;
  });
  new MutationObserver(() => {
    if (!dialog.firstElementChild) return;
    if (!dialog.open) dialog.showModal();
    const field = $("[autofocus]", dialog) || $("#failure", dialog) || $("input:not([type=hidden]), select, textarea", dialog);
    if (field) field.focus();
  }).observe(dialog, { childList: true });
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    if (opener?.isConnected) opener.focus();
  });
}

// A dialog that came with the page stands open without a script; with one it becomes modal.
function startPopup(dialog) {
  dialog.close();
  dialog.showModal();
  if (dialog.dataset.confetti !== undefined) confetti();
}

document.addEventListener("click", (event) => {
  const closer = event.target.closest("[data-close]");
  if (closer) {
    const dialog = closer.closest("dialog");
    if (dialog) { event.preventDefault(); dialog.close(); }
  }
  // A click beside the card is a click on the dialog itself.
  if (event.target instanceof HTMLDialogElement && !$("[data-keep]", event.target)) event.target.close();
});

// ---- Confetti, for those who like movement

function confetti() {
  if (calm.matches) return;
  const canvas = document.createElement("canvas");
  canvas.className = "confetti";
  canvas.setAttribute("aria-hidden", "true");
  canvas.width = innerWidth;
  canvas.height = innerHeight;
  ($("dialog[open]") || document.body).append(canvas);
  const pen = canvas.getContext("2d");
  const colours = ["#0b5f59", "#74d3c6", "#d9a441", "#b3372d", "#2d63b3"];
  const pieces = Array.from({ length: 120 }, (_, i) => ({
    x: canvas.width * (0.5 + (Math.random() - 0.5) * 0.5), y: -20 - Math.random() * canvas.height * 0.3,
    dx: (Math.random() - 0.5) * 4, dy: 2 + Math.random() * 3, turn: Math.random() * 6, spin: (Math.random() - 0.5) * 0.3,
    size: 6 + Math.random() * 6, colour: colours[i % colours.length],
  }));
  const end = performance.now() + 3500;
  const draw = (now) => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    for (const p of pieces) {
      p.x += p.dx; p.y += p.dy; p.dy += 0.03; p.turn += p.spin;
      pen.save();
      pen.translate(p.x, p.y);
      pen.rotate(p.turn);
      pen.fillStyle = p.colour;
      pen.fillRect(-p.size / 2, -p.size / 4, p.size, p.size / 2);
      pen.restore();
    }
    if (now < end && canvas.isConnected) requestAnimationFrame(draw); else canvas.remove();
  };
  requestAnimationFrame(draw);
}

// ---- Small things

document.addEventListener("click", async (event) => {
  const menu = event.target.closest("[data-menu]");
  if (menu) {
    const open = $("#side").classList.toggle("open");
    menu.setAttribute("aria-expanded", String(open));
    return;
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const text = document.getElementById(copy.dataset.copy).textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
      const label = $("[data-label]", copy);
      label.textContent = "Copied";
      setTimeout(() => { label.textContent = "Copy"; }, 2000);
    } catch {
      getSelection().selectAllChildren(document.getElementById(copy.dataset.copy));
      say("Selected. Press Control C to copy.");
    }
  }
});

// A form that is on its way is not sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of all("form[data-sent]")) {
    delete form.dataset.sent;
    for (const busy of all("[aria-busy]", form)) busy.removeAttribute("aria-busy");
  }
});

// Domains: Enter or Tab in the last field adds another, x removes one.
function startDomains(list) {
  const add = () => {
    const last = $("input", list.lastElementChild);
    if (last.value.trim() === "") { last.focus(); return; }
    const row = list.lastElementChild.cloneNode(true);
    const field = $("input", row);
    field.value = "";
    field.removeAttribute("aria-invalid");
    field.removeAttribute("id");
    list.append(row);
    number();
    field.focus();
  };
  const number = () => all("li", list).forEach((row, i) => {
    $("input", row).setAttribute("aria-label", `Domain ${i + 1}`);
    $("button", row).setAttribute("aria-label", `Remove domain ${i + 1}`);
  });
  list.addEventListener("keydown", (event) => {
    const field = event.target.closest("input");
    if (!field || (event.key !== "Enter" && event.key !== "Tab") || event.shiftKey) return;
    const last = field.closest("li") === list.lastElementChild;
    if (event.key === "Enter" || (last && field.value.trim() !== "")) {
      event.preventDefault();
      if (last && field.value.trim() !== "") add();
      else field.closest("li").nextElementSibling?.querySelector("input").focus();
    }
  });
  list.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-remove]");
    if (!remove) return;
    const row = remove.closest("li");
    const after = row.nextElementSibling || row.previousElementSibling;
    if (after) { row.remove(); number(); $("input", after).focus(); } else { $("input", row).value = ""; $("input", row).focus(); }
    say("Domain removed");
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-add-domain]")) return;
    event.preventDefault();
    add();
  });
}

function localTimes(root) {
  const style = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  for (const time of all("time[datetime]:not([title])", root)) time.title = style.format(new Date(time.dateTime));
}

// What a redirect asked the page to say once should not be said again after a reload.
function forgetNote() {
  const address = new URL(location.href);
  for (const name of ["done", "added", "enabled", "out"]) address.searchParams.delete(name);
  if (address.href !== location.href) history.replaceState(null, "", address);
}

document.addEventListener("DOMContentLoaded", () => {
  forgetNote();
  localTimes(document);
  document.addEventListener("htmx:after:settle", () => localTimes(document));
  for (const [selector, start] of [
    ["[data-sign-in]", startSignIn], ["[data-welcome]", startWelcome], ["[data-add-passkey]", startAddPasskey],
    ["#dialog", startDialog], ["[data-domains]", startDomains], ["dialog[data-popup]", startPopup],
  ]) {
    const element = $(selector);
    if (element) start(element);
  }
});

// A download leaves the page where it is; its popup has done its part.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-download]")) return;
  const dialog = event.target.closest("dialog");
  if (dialog) setTimeout(() => { dialog.close(); say("The download begins"); });
});

// A certificate or key may be chosen as a file. Binary certificates become PEM on the way.
document.addEventListener("change", async (event) => {
  const picker = event.target.closest("input[data-into]");
  if (!picker || !picker.files.length) return;
  const file = picker.files[0];
  const most = Number(document.getElementById(picker.dataset.into).dataset.most || 65536);
  if (file.size > most) { say(most > 65536 ? "The file is too large." : "The file is too large to be a certificate or key."); return; }
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = new TextDecoder().decode(bytes);
  if (!text.includes("-----BEGIN") && picker.dataset.into === "client_certificate") {
    const body = btoa(String.fromCharCode(...bytes)).replace(/.{64}/g, "$&\n").trimEnd();
    text = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  }
  document.getElementById(picker.dataset.into).value = text;
  picker.value = "";
  say(`${file.name} was read.`);
});
