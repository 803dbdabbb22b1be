// What the Go half stands on: where its state is kept, who takes the browser's requests, and the window of a request.

const proxy = chrome.webAuthenticationProxy;

// ---- the state, encrypted with a key that no script can read out ----

function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('postern', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function key(make) {
  const db = await database();
  try {
    const at = (mode, work) => new Promise((resolve, reject) => {
      const asked = work(db.transaction('keys', mode).objectStore('keys'));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
    const found = await at('readonly', store => store.get('state'));
    if (found || !make) return found;
    const made = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
    await at('readwrite', store => store.put(made, 'state'));
    return made;
  } finally {
    db.close();
  }
}

const base64 = bytes => btoa(Array.from(bytes, b => String.fromCharCode(b)).join(''));
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const context = new TextEncoder().encode('postern/extension/state/v1');

async function load() {
  const { state } = await chrome.storage.local.get('state');
  if (!state) return null;
  const secret = await key(false);
  if (!secret) return null; // the profile was copied without its key: nobody can read the state any more
  try {
    const plain = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: bytes(state.iv), additionalData: context }, secret, bytes(state.data));
    return new Uint8Array(plain);
  } catch {
    console.error('The state that was kept does not open; this browser has to be connected anew.');
    return null;
  }
}

async function save(data) {
  if (!data) {
    await chrome.storage.local.remove('state');
    return;
  }
  const secret = await key(true);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: context }, secret, data);
  await chrome.storage.local.set({ state: { iv: base64(iv), data: base64(new Uint8Array(sealed)) } });
}

// ---- the requests ----

async function attach() {
  if (!proxy) return 'missing';
  try {
    // The answer is a text where it failed, nothing where it did not.
    return (await proxy.attach()) ? 'held' : '';
  } catch (err) {
    console.warn('attach:', err.message);
    return 'held';
  }
}

async function detach() {
  try {
    await proxy?.detach();
  } catch (err) {
    console.warn('detach:', err.message);
  }
}

// The requests that are open, kept so that a worker that starts anew can end what the one before left open.
const open = new Map();

export function opened(id, kind) {
  open.set(id, kind);
  return remember();
}

export function forgotten(id) {
  open.delete(id);
  return remember();
}

const remember = () => chrome.storage.session.set({ open: [...open] });

export async function endStale() {
  window(false);
  const { open: stale = [] } = await chrome.storage.session.get('open');
  for (const [id, kind] of stale) {
    if (!open.has(id)) {
      await answer({ id, kind, error: { name: 'NotAllowedError', message: 'The operation either timed out or was not allowed.' } });
    }
  }
}

export async function answer({ id, kind, response, error }) {
  open.delete(id);
  await remember();
  const details = { requestId: id };
  if (response) details.responseJson = response;
  else details.error = error;
  try {
    await (kind === 'create' ? proxy.completeCreateRequest(details) : proxy.completeGetRequest(details));
  } catch (err) {
    console.warn('complete:', err.message); // the page has gone, or gave up at this moment
  }
}

// ---- the window of a request ----

const width = 380, height = 520;
let windows = Promise.resolve(); // one change after the other

async function ours() {
  const { window: id } = await chrome.storage.session.get('window');
  if (id === undefined) return undefined;
  try {
    return (await chrome.windows.get(id)).id;
  } catch {
    return undefined;
  }
}

async function show(open) {
  const id = await ours();
  if (!open) {
    // Forgotten before it is closed: only a window that somebody else closes gives its request up.
    await chrome.storage.session.remove('window');
    if (id !== undefined) chrome.windows.remove(id).catch(() => {});
    return;
  }
  if (id !== undefined) {
    await chrome.windows.update(id, { focused: true });
    return;
  }
  const place = {};
  try {
    const under = await chrome.windows.getLastFocused();
    if (under.width > width) {
      place.left = Math.round(under.left + (under.width - width) / 2);
      place.top = Math.round(under.top + Math.min(120, Math.max(0, under.height - height) / 2));
    }
  } catch { /* no window is open: the browser places it */ }
  const window = { url: 'request.html', type: 'popup', focused: true, width, height };
  // Where the browser refuses the place, as when it lies half outside of the screen, it finds one itself.
  const made = await chrome.windows.create({ ...window, ...place }).catch(() => chrome.windows.create(window));
  await chrome.storage.session.set({ window: made.id });
}

function window(open) {
  windows = windows.then(() => show(open)).catch(err => console.warn('window:', err.message));
  return windows;
}

export async function isOurs(id) {
  const { window } = await chrome.storage.session.get('window');
  return id === window;
}

// ---- all of it ----

export async function makeHost(view) {
  const agent = navigator.userAgentData;
  const brand = agent?.brands.find(b => !/not.?a.?brand|chromium/i.test(b.brand)) ?? agent?.brands.find(b => b.brand === 'Chromium');
  const names = { 'Google Chrome': 'Chrome', 'Microsoft Edge': 'Edge' };
  const system = { mac: 'macOS', win: 'Windows', linux: 'Linux', cros: 'ChromeOS', openbsd: 'OpenBSD' };
  const { os } = await chrome.runtime.getPlatformInfo();
  return {
    load, save, attach, detach, window, view,
    complete: text => answer(JSON.parse(text)),
    info: {
      version: chrome.runtime.getManifest().version,
      browser: brand ? `${names[brand.brand] ?? brand.brand} ${brand.version}` : 'Browser',
      os: system[os] ?? os,
      policy: JSON.stringify(await chrome.storage.managed.get().catch(() => ({}))),
    },
  };
}
