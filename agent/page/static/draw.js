// Making elements without markup as text, and replacing them without losing where the keyboard is.

const SVG = "http://www.w3.org/2000/svg";

// h makes an element. Attributes whose name begins with "on" are listeners; false, null and undefined are left out.
export function h(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== false && c !== null && c !== undefined && c !== ""));
  return e;
}

// icon is one of the symbols, for the eye alone unless it has a label.
export function icon(name, label, cls) {
  const e = document.createElementNS(SVG, "svg");
  if (label) { e.setAttribute("role", "img"); e.setAttribute("aria-label", label); } else e.setAttribute("aria-hidden", "true");
  if (cls) e.setAttribute("class", cls);
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  e.append(use);
  return e;
}

// swap replaces what is in an element. What had the focus gets it back, by its data-key, and fields keep what was typed.
export function swap(e, children) {
  const active = e.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.dataset.key;
  const typed = new Map([...e.querySelectorAll("input")].map((i) => [i.name, i.value]));
  e.replaceChildren(...children.flat(Infinity).filter((c) => c !== false && c !== null && c !== undefined && c !== ""));
  for (const i of e.querySelectorAll("input")) if (typed.has(i.name) && typed.get(i.name) !== i.defaultValue && !i.value) i.value = typed.get(i.name);
  if (key) e.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

// busy keeps a button from being pressed twice.
export function busy(work) {
  return async (e) => {
    e.preventDefault();
    const button = e.submitter ?? e.currentTarget;
    if (button.disabled) return;
    button.disabled = true;
    try { await work(e); } finally { button.disabled = false; }
  };
}
