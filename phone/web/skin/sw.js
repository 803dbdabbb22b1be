// The service worker of version [[.Version]]: keeps the app on the phone and shows push messages. It keeps nothing else: calls to
// the control center go past it.
"use strict";

const version = "[[.Version]]";
const store = `postern-app-${version}`;
const files = [[.Cached]];
const urls = new Set(files.map((f) => f.url));

// Every file is held to the hash it was built with: a version is whole or not installed.
self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(store);
    await Promise.all(files.map(async ({ url, integrity }) => {
      const found = await caches.match(url);
      if (found && url.includes("-")) return cache.put(url, found); // the same hash in the address, from an earlier version
      const answer = await fetch(url, { integrity, cache: url.includes("-") ? "default" : "no-cache", credentials: "omit" });
      if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
      return cache.put(url, answer);
    }));
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("postern-app-") && name !== store) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || !url.pathname.startsWith("/app")) return;
  const path = url.pathname === "/app" ? "/app/" : url.pathname;
  if (!urls.has(path)) return;
  event.respondWith((async () => {
    const cache = await caches.open(store);
    return (await cache.match(path)) ?? fetch(event.request);
  })());
});

// words are what a push message becomes; the message says only what it is about.
const words = {
  en: {
    request: ["Sign-in request", "{workstation} asks for your passkey. Open the app to look at it."],
    provisioning: ["A passkey is offered", "Your organisation offers you a passkey. Open the app to accept it."],
    notice: ["Something changed", "Open the app to see what it means for you."],
    somebody: "A computer",
  },
  de: {
    request: ["Anmeldung angefragt", "{workstation} fragt nach Ihrem Passkey. Öffnen Sie die App, um die Anfrage zu sehen."],
    provisioning: ["Ein Passkey wird angeboten", "Ihre Organisation bietet Ihnen einen Passkey an. Öffnen Sie die App, um ihn anzunehmen."],
    notice: ["Etwas hat sich geändert", "Öffnen Sie die App, um zu sehen, was das für Sie heißt."],
    somebody: "Ein Computer",
  },
};

async function language() {
  try {
    const db = await new Promise((done, failed) => {
      const opening = indexedDB.open("postern");
      opening.onupgradeneeded = () => opening.transaction.abort();
      opening.onsuccess = () => done(opening.result);
      opening.onerror = () => failed(opening.error);
    });
    const chosen = await new Promise((done, failed) => {
      const reading = db.transaction("keep").objectStore("keep").get("setting language");
      reading.onsuccess = () => done(reading.result);
      reading.onerror = () => failed(reading.error);
    });
    db.close();
    if (chosen in words) return chosen;
  } catch { /* Nothing was chosen yet. */ }
  return navigator.language.startsWith("de") ? "de" : "en";
}

self.addEventListener("push", (event) => {
  event.waitUntil((async () => {
    let message = {};
    try { message = event.data?.json() ?? {}; } catch { /* A message that cannot be read is shown as a notice. */ }
    const spoken = words[await language()];
    const kind = ["request", "provisioning", "notice"].includes(message.kind) ? message.kind : "notice";
    const [title, body] = spoken[kind];
    const workstation = typeof message.workstation === "string" && message.workstation ? message.workstation.slice(0, 64) : spoken.somebody;
    // One of a kind: a newer one takes the place of the one before.
    await self.registration.showNotification(title, {
      body: body.replace("{workstation}", workstation), tag: `postern-${kind}`, renotify: true, requireInteraction: kind === "request",
      icon: "[[.Skin]]icons/icon-192.png", badge: "[[.Skin]]icons/badge-96.png",
    });
  })());
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    for (const client of await self.clients.matchAll({ type: "window", includeUncontrolled: true })) {
      const path = new URL(client.url).pathname;
      if (path.startsWith("/app/") && !path.startsWith("/app/stories")) return client.focus();
    }
    return self.clients.openWindow("/app/");
  })());
});
