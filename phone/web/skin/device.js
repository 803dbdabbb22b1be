// What this phone is, as far as a browser tells.

export function platform() {
  const hint = navigator.userAgentData?.platform;
  if (hint) return hint;
  const agent = navigator.userAgent;
  if (/iPhone|iPad|iPod/.test(agent) || /Macintosh/.test(agent) && navigator.maxTouchPoints > 1) return "iOS";
  if (/Android/.test(agent)) return "Android";
  if (/Windows/.test(agent)) return "Windows";
  if (/Mac OS X/.test(agent)) return "macOS";
  return "Linux";
}

// described is the platform with what the control center may show of it.
export async function described() {
  try {
    const more = await navigator.userAgentData?.getHighEntropyValues(["model", "platformVersion"]);
    if (more) return [more.platform, more.platformVersion?.split(".")[0], more.model].filter(Boolean).join(" ").slice(0, 64);
  } catch { /* The browser keeps it to itself. */ }
  return platform();
}

// suggestion is a name for the phone, for its user to change.
export async function suggestion() {
  try {
    const more = await navigator.userAgentData?.getHighEntropyValues(["model"]);
    if (more?.model) return more.model;
  } catch { /* As above. */ }
  if (/iPad/.test(navigator.userAgent)) return "iPad";
  return { iOS: "iPhone", Android: "Android" }[platform()] ?? platform();
}

export function installed() {
  return matchMedia("(display-mode: standalone)").matches || navigator.standalone === true;
}

// missing lists what the browser lacks, in the words of the core's diagnosis.
export async function missing() {
  const lacks = [];
  if (!window.PublicKeyCredential) lacks.push("webauthn");
  else if (await withoutPRF()) lacks.push("prf");
  if (!navigator.mediaDevices?.getUserMedia) lacks.push("camera");
  if (!("PushManager" in window)) lacks.push("push");
  if (!window.indexedDB) lacks.push("indexeddb");
  if (!navigator.serviceWorker) lacks.push("serviceworker");
  return lacks;
}

async function withoutPRF() {
  const can = await PublicKeyCredential.getClientCapabilities?.().catch(() => null);
  return can?.["extension:prf"] === false;
}

// platformAuthenticator reports whether the phone has a screen lock that the browser can use.
export async function platformAuthenticator() {
  if (!window.PublicKeyCredential) return false;
  return PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false);
}
