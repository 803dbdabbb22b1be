// Waking the phone: a subscription of the browser's push service (W3C Push API), handed to the core.

import { decode, encode } from "./bytes.js";
import { Trouble } from "./trouble.js";

// standing is what the browser says of notifications: "unsupported", "default", "granted" or "denied".
export function standing() {
  if (!("PushManager" in window) || !("Notification" in window)) return "unsupported";
  return Notification.permission;
}

// patience is how long the push service may take, in milliseconds. Where a network blocks it, some browsers never say so.
const patience = 15000;

function within(promise) {
  return Promise.race([promise, new Promise((_, failed) => { setTimeout(() => failed(new DOMException("The push service does not answer.", "TimeoutError")), patience); })]);
}

export async function subscribe(publicKey) {
  if (standing() === "unsupported") throw new Trouble("push_unsupported");
  if (await Notification.requestPermission() !== "granted") throw new Trouble("push_denied");
  const registration = await navigator.serviceWorker.ready;
  try {
    const key = decode(publicKey);
    let made = await registration.pushManager.getSubscription();
    if (made && encode(made.options.applicationServerKey ?? new ArrayBuffer(0)) !== publicKey) {
      await made.unsubscribe();
      made = null;
    }
    made ??= await within(registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
    return { endpoint: made.endpoint, p256dh: encode(made.getKey("p256dh")), auth: encode(made.getKey("auth")) };
  } catch {
    throw new Trouble("push_failed");
  }
}

export async function unsubscribe() {
  const registration = await navigator.serviceWorker?.getRegistration("/app/");
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
}
