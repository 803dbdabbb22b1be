// What the pages share: the line to the worker, texts, and drawing.

export const text = (name, ...values) => chrome.i18n.getMessage(name, values.map(String)) || name;

// Texts for people that come with a code may have a translation; otherwise they are in English.
export function words(problem) {
  if (!problem) return null;
  const message = chrome.i18n.getMessage(`problem_${problem.code}`);
  return message ? { message, next: chrome.i18n.getMessage(`problem_${problem.code}_next`) } : problem;
}

export const $ = id => document.getElementById(id);

export function translate() {
  // That of the texts, which getUILanguage need not be.
  document.documentElement.lang = text('@@ui_locale').replace('_', '-');
  for (const element of document.querySelectorAll('[data-i18n]')) element.textContent = text(element.dataset.i18n);
}

// The worker may end at any time, and the line with it; it starts again when the line is taken up.
export function connect(draw) {
  let port, n = 0;
  const waiting = new Map();
  const open = () => {
    port = chrome.runtime.connect({ name: 'page' });
    port.onMessage.addListener(({ view, n, problem }) => {
      if (view) draw(JSON.parse(view));
      if (n !== undefined) {
        waiting.get(n)?.(problem);
        waiting.delete(n);
      }
    });
    port.onDisconnect.addListener(() => {
      for (const settle of waiting.values()) settle(null);
      waiting.clear();
      setTimeout(open, 200);
    });
  };
  open();
  // Gives the problem, or null.
  return (command, data) => new Promise(resolve => {
    waiting.set(++n, resolve);
    port.postMessage({ n, command, data });
  });
}

export function note(element, problem) {
  const said = words(problem);
  element.hidden = !said;
  if (!said) return;
  const [message, next] = element.children;
  message.textContent = said.message;
  next.textContent = said.next ?? '';
}

export const host = origin => {
  try { return new URL(origin).host; } catch { return origin; }
};

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export const time = at => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
