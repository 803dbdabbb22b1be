// The service worker: it starts the Go half, hands it the browser's events, and its view to the pages. Every listener is
// registered before anything is waited for, so that an event that wakes the worker is not missed.

import './wasm_exec.js';
import { answer, endStale, forgotten, isOurs, makeHost, opened } from './host.js';

const proxy = chrome.webAuthenticationProxy;
const pages = new Set();
let view = null;
let running = true;

const started = (async () => {
  await endStale();
  globalThis.posternHost = await makeHost(text => {
    view = text;
    for (const page of pages) page.postMessage({ view });
    badge(JSON.parse(text));
  });
  const go = new globalThis.Go();
  const { instance } = await WebAssembly.instantiateStreaming(fetch(chrome.runtime.getURL('extension.wasm')), go.importObject);
  go.run(instance).then(() => failed(new Error('the Go half ended')));
})();
started.catch(failed);

// Without the Go half nobody answers, so the browser must.
async function failed(err) {
  console.error('The extension cannot run:', err);
  running = false;
  await proxy?.detach().catch(() => {});
}

// ---- requests ----

function request(kind) {
  return async ({ requestId, requestDetailsJson }) => {
    const told = opened(requestId, kind);
    try {
      await started;
      if (!running) throw new Error('the Go half ended');
      await told;
      globalThis.postern.begin(kind, requestId, requestDetailsJson);
    } catch {
      await answer({ id: requestId, kind, error: { name: 'NotAllowedError', message: 'The operation either timed out or was not allowed.' } });
    }
  };
}

proxy?.onCreateRequest.addListener(request('create'));
proxy?.onGetRequest.addListener(request('get'));
proxy?.onRequestCanceled.addListener(async id => {
  await started.catch(() => {});
  await forgotten(id);
  globalThis.postern?.cancel(id);
});
// A phone is no authenticator of this platform. The answer does not depend on anything, so nothing is waited for.
proxy?.onIsUvpaaRequest.addListener(({ requestId }) => proxy.completeIsUvpaaRequest({ requestId, isUvpaa: false }));

// ---- pages ----

chrome.runtime.onConnect.addListener(page => {
  pages.add(page);
  if (view) page.postMessage({ view });
  page.onDisconnect.addListener(() => pages.delete(page));
  page.onMessage.addListener(async ({ n, command, data }) => {
    let problem = null;
    try {
      await started;
      await globalThis.postern.call(command, JSON.stringify(data ?? {}));
    } catch (err) {
      problem = err.problem ?? { code: 'internal', message: chrome.i18n.getMessage('broken'), next: chrome.i18n.getMessage('brokenNext') };
    }
    if (pages.has(page)) page.postMessage({ n, problem });
  });
});

chrome.windows.onRemoved.addListener(async id => {
  if (!await isOurs(id)) return;
  await chrome.storage.session.remove('window');
  await started.catch(() => {});
  const open = view && JSON.parse(view).request;
  if (open) await globalThis.postern?.call('closed', JSON.stringify({ request: open.id })).catch(() => {});
});

// ---- policy, and life ----

chrome.storage.onChanged.addListener(async (_, area) => {
  if (area !== 'managed') return;
  await started.catch(() => {});
  globalThis.postern?.policy(JSON.stringify(await chrome.storage.managed.get()));
});

// An open WebSocket keeps the worker alive while something arrives every 30 seconds; the relay sends a ping every 20. When
// the connection is down the worker may end, and the alarm starts it again to connect.
chrome.alarms.create('connect', { periodInMinutes: 1 });
chrome.alarms.onAlarm.addListener(() => started.catch(() => {}));
chrome.runtime.onStartup.addListener(() => started.catch(() => {}));
chrome.runtime.onInstalled.addListener(({ reason }) => {
  if (reason === 'install') chrome.tabs.create({ url: chrome.runtime.getURL('page.html') });
});

function badge({ proxy: { state }, phones, link }) {
  const text = state === 'paused' ? '…' : state === 'held' || state === 'missing' || link.state === 'refused' ? '!' : '';
  chrome.action.setBadgeText({ text });
  chrome.action.setBadgeBackgroundColor({ color: text === '!' ? '#a4262c' : '#0b5f59' });
  const reachable = phones.some(phone => phone.presence !== 'gone');
  chrome.action.setTitle({ title: chrome.i18n.getMessage(reachable ? 'titleReachable' : 'title') });
}
