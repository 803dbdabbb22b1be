// What several screens are made of.

import { h } from "./dom.js";
import { t, told } from "./text.js";

const paths = {
  key: "M14.5 3a6.5 6.5 0 0 0-6.2 8.5L3 16.8V21h4.2v-2.6h2.6v-2.6h2.4l.6-.6A6.5 6.5 0 1 0 14.5 3zm2.2 3.2a1.6 1.6 0 1 1 0 3.2 1.6 1.6 0 0 1 0-3.2z",
  computer: "M4 4h16v11H4zM2 18h20M9 18l.6-3h4.8l.6 3",
  check: "M4.5 12.5l5 5 10-11",
  warn: "M12 3.5L2.5 20h19zM12 10v4.5M12 17.2v.3",
  bad: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 8.5l7 7M15.5 8.5l-7 7",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5.5M12 7.4v.3",
  arrow: "M4 12h15M13 6l6 6-6 6",
  chevron: "M9 5l7 7-7 7",
  back: "M15 5l-7 7 7 7",
  plus: "M12 4.5v15M4.5 12h15",
  cog: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5h4",
  digits: "M4 4.5h16v15H4zM8 9v.3M12 9v.3M16 9v.3M8 13v.3M12 13v.3M16 13v.3M10 16.5h4",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2",
  offline: "M3 3l18 18M5 10a11 11 0 0 1 4-2.4M19 10a11 11 0 0 0-5.5-2.9M8.2 13.6a6 6 0 0 1 3-1.5M12 18.5v.3",
  globe: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3.2 3 3.2 15 0 18M12 3c-3.2 3-3.2 15 0 18",
  store: "M5 6c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3zM5 6v12c0 1.7 3.1 3 7 3s7-1.3 7-3V6M5 12c0 1.7 3.1 3 7 3s7-1.3 7-3",
  phone: "M7 2.5h10v19H7zM11 18.5h2",
  update: "M20 12a8 8 0 1 1-2.3-5.6M18 2.5v4.2h-4.2",
};

export function icon(name) {
  return h("svg", { viewBox: "0 0 24 24", class: `icon icon-${name}`, "aria-hidden": "true", focusable: "false" }, h("path", { d: paths[name] }));
}

export function gate() {
  return h("svg", { viewBox: "0 0 32 32", class: "gate", "aria-hidden": "true", focusable: "false" },
    h("path", { d: "M3 6V2h5v3h5V2h6v3h5V2h5v26a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z" }),
    h("path", { class: "way", d: "M9 30V18a7 7 0 0 1 14 0v12z" }),
    h("path", { d: "M16 16a3 3 0 0 1 1.5 5.6L18.4 27h-4.8l.9-5.4A3 3 0 0 1 16 16z" }));
}

// button is a button that does something; more goes to whoever does it as data.
export function button(doing, label, kind, more, busy, off) {
  const data = Object.fromEntries(Object.entries(more ?? {}).map(([name, value]) => [`data-${name}`, value]));
  return h("button", { type: "button", class: kind, "data-do": doing, disabled: off || null, "aria-disabled": busy ? "true" : null, ...data },
    busy ? h("span", { class: "spinner", "aria-hidden": "true" }) : null, label);
}

export function submit(label, busy) {
  return h("button", { class: "primary", "aria-disabled": busy ? "true" : null }, busy ? h("span", { class: "spinner", "aria-hidden": "true" }) : null, label);
}

// page is a screen: a heading that takes the focus when the screen is new, what it says, and at the bottom, where the thumb
// is, what can be done.
export function page(name, { title, back, lead, kind, tools }, content, actions) {
  return h("main", { class: `screen ${kind ?? ""}`, "data-key": name, id: "screen" },
    h("header", { class: "top" },
      back ? h("button", { type: "button", class: "round", "data-do": "back", "aria-label": t("back") }, icon("back")) : null,
      h("h1", { tabindex: "-1", id: "title" }, title), tools ?? null),
    lead ? h("p", { class: "lead" }, lead) : null,
    h("div", { class: "content" }, content),
    actions?.filter(Boolean).length ? h("footer", { class: "actions" }, actions) : null);
}

// card is a notice: what happened, and what to do.
export function card(kind, what, next, more, original) {
  const name = { bad: "bad", warn: "warn", ok: "check", info: "info" }[kind];
  return h("div", { class: `notice ${kind}` }, icon(name), h("div", {}, h("p", { class: "what" }, what), next ? h("p", {}, next) : null,
    original ? h("p", { class: "small original", lang: "en" }, original) : null, more ?? null));
}

export function trouble(problem, kind = "bad", more = null) {
  if (!problem) return null;
  const { what, next, original } = told(problem);
  return card(kind, what, next, more, original);
}

// breaking lets an address go to the next line before its @ rather than anywhere.
export function breaking(text) { return String(text).split(/(?=@)/).map((part, i) => [i > 0 ? h("wbr") : null, part]); }

export function facts(list) {
  return h("dl", { class: "facts" }, list.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, breaking(value)))));
}

// installing offers to put the app on the home screen, until the user has said that it may wait.
export function installing(ui, what) {
  if (ui.installLater || !ui.install) return null;
  if (ui.install === "ios") return card("info", what, t("install.ios_next"), later());
  return card("info", what, t("install.later_next"), h("div", { class: "choices" }, button("install", t("install.button"), "slim"), later()));
}

function later() { return button("installLater", t("install.not_now"), "slim quiet"); }

// row is a line that leads somewhere.
export function row(to, symbol, title, text, badge, more) {
  return h("li", { "data-key": `${to}${more?.id ?? ""}` },
    h("button", { type: "button", class: "row", "data-do": "go", "data-to": to, "data-id": more?.id ?? null },
      icon(symbol), h("span", { class: "grow" }, h("span", { class: "name" }, title), text ? h("span", { class: "soft" }, breaking(text)) : null, badge ?? null), icon("chevron")));
}

export function badge(kind, text, symbol) {
  const name = symbol ?? { ok: "check", warn: "warn", bad: "bad", info: "clock", plain: "clock" }[kind];
  return h("span", { class: `badge ${kind}` }, icon(name), text);
}

export function field(name, label, attributes, help, problem) {
  const wrong = problem ? told(problem) : null;
  const described = [help ? `${name}-help` : "", wrong ? `${name}-wrong` : ""].filter(Boolean).join(" ");
  return h("div", { class: "field" },
    h("label", { for: `f-${name}` }, label),
    h("input", { id: `f-${name}`, name, "aria-describedby": described || null, "aria-invalid": wrong ? "true" : null, ...attributes }),
    help ? h("p", { class: "soft small", id: `${name}-help` }, help) : null,
    wrong ? h("div", { class: "wrong", id: `${name}-wrong` }, h("p", {}, `${wrong.what} ${wrong.next}`), wrong.original ? h("p", { class: "small original", lang: "en" }, wrong.original) : null) : null);
}

// large shows digits so that they are read out one by one.
export function large(digits, label, grouped = digits) {
  return h("p", { class: "digits" }, h("span", { class: "unseen" }, `${label} ${[...digits].join(" ")}`), h("span", { "aria-hidden": "true" }, grouped));
}

// signingIn is a sign-in at Microsoft under way: the link to it, and the number that only this phone shows.
export function signingIn({ url, number }) {
  return [
    large(number, t("signin.number")),
    h("p", {}, t("signin.number_what")),
    h("p", {}, h("a", { href: url, rel: "noreferrer", target: "_blank", class: "out" }, t("enrolment.open"), icon("arrow"))),
  ];
}
