// The service worker: registering it, and taking a new version of the app when nobody is in the middle of something.

let policy;

// script gives the one address that may become a worker.
function script() {
  if (!window.trustedTypes) return "/app/sw.js";
  policy ??= trustedTypes.createPolicy("postern", {
    createScriptURL(url) {
      if (url !== "/app/sw.js") throw new TypeError("not a script of this app");
      return url;
    },
  });
  return policy.createScriptURL("/app/sw.js");
}

// register starts the worker; ready is called when a new version waits.
export async function register(ready) {
  if (!navigator.serviceWorker) return;
  const registration = await navigator.serviceWorker.register(script(), { scope: "/app/", updateViaCache: "none" });
  const look = () => { if (registration.waiting && navigator.serviceWorker.controller) ready(); };
  const follow = (worker) => worker?.addEventListener("statechange", look);
  follow(registration.installing);
  registration.addEventListener("updatefound", () => follow(registration.installing));
  look();
  const check = () => { if (!document.hidden) registration.update().catch(() => {}); };
  document.addEventListener("visibilitychange", check);
  setInterval(check, 3600000);
}

// take has the waiting version take over, and loads the app anew when it has.
export async function take() {
  const registration = await navigator.serviceWorker.getRegistration("/app/");
  if (!registration?.waiting) return;
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  registration.waiting.postMessage("take over");
}
