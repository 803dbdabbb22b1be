// Elements, and how a screen takes the place of the one before: what is the same stays in the page, so that the focus, what
// is being typed and the picture of the camera survive a change elsewhere.

const svg = "http://www.w3.org/2000/svg";
const drawn = new Set(["svg", "path", "circle", "rect", "g"]);

// h makes an element. Attributes that are null, undefined or false are left out; true is the empty value. There are no
// listeners: what a button does stands in data-do, and one listener for all reads it.
export function h(name, attributes, ...children) {
  const e = drawn.has(name) ? document.createElementNS(svg, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    e.setAttribute(key, value === true ? "" : String(value));
  }
  add(e, children);
  return e;
}

function add(e, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(e, child);
    else e.append(child);
  }
}

// morph makes the children of an element be those of another. Elements are the same where their name, id and data-key are.
export function morph(from, to) {
  let old = from.firstChild;
  for (const next of [...to.childNodes]) {
    const same = find(old, next);
    if (!same) {
      from.insertBefore(next, old);
      continue;
    }
    while (old !== same) old = drop(old);
    old = same.nextSibling;
    if (same.nodeType === Node.TEXT_NODE) {
      if (same.data !== next.data) same.data = next.data;
      continue;
    }
    attributes(same, next);
    if (same.tagName !== "VIDEO") morph(same, next);
  }
  while (old) old = drop(old);
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function find(node, wanted) {
  for (; node; node = node.nextSibling) {
    if (node.nodeType !== wanted.nodeType) continue;
    if (node.nodeType === Node.TEXT_NODE) return node;
    if (node.tagName === wanted.tagName && node.id === wanted.id && node.dataset.key === wanted.dataset.key) return node;
  }
  return null;
}

function attributes(from, to) {
  for (const { name } of [...from.attributes]) {
    // What a person typed or opened stays.
    if (!to.hasAttribute(name) && !(name === "open" && from.tagName === "DETAILS")) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}
