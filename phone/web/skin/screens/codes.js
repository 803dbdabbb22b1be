// Signing in at a computer without a network: for which computers this phone has codes, and one code for its time. Nothing here
// needs a connection.

import { h } from "../dom.js";
import { moment, t } from "../text.js";
import { badge, button, card, facts, icon, large, page, row, trouble } from "../parts.js";
import { ring } from "./approve.js";
import { gone } from "./key.js";

const badges = { ready: "ok", low: "warn", none: "bad", expired: "bad" };

function standing({ offline }) {
  return badge(badges[offline.state] ?? "plain", t(`codes.${offline.state}`, { left: offline.left }));
}

export function withCodes(view) { return view.computers.filter((c) => c.offline); }

// usable says that there is a code left somewhere.
export function usable(view) { return withCodes(view).some((c) => ["ready", "low"].includes(c.offline.state)); }

// entry is the line of the first screen that leads here; where there is one computer, straight to it.
export function entry(view) {
  const all = withCodes(view);
  if (all.length === 0) return null;
  const rank = ["expired", "none", "low", "ready"];
  const worst = all.reduce((a, b) => (rank.indexOf(b.offline.state) < rank.indexOf(a.offline.state) ? b : a));
  const single = all.length === 1;
  return h("section", { "aria-labelledby": "codes" }, h("h2", { id: "codes" }, t("codes.title")), h("ul", { class: "rows" },
    row(single ? "codes-of" : "codes", "digits", t("codes.show"), single ? all[0].name : t("codes.count", { count: all.length }),
      single || worst.offline.state !== "ready" ? standing(worst) : null, { id: single ? all[0].id : "" })));
}

export function codes(view) {
  return page("codes", { title: t("codes.title"), back: true, lead: t("codes.lead") }, [
    withCodes(view).length === 0 ? h("p", { class: "empty" }, t("codes.empty"))
      : h("ul", { class: "rows" }, withCodes(view).map((c) => row("codes-of", "computer", c.name, `${t("codes.until")} ${moment(c.offline.expires)}`, standing(c), { id: c.id }))),
  ]);
}

export function codesOf(view, ui) {
  const c = withCodes(view).find((one) => one.id === ui.route.id);
  if (!c) return gone();
  if (ui.route.name === "codes-remove") return remove(c, ui);
  const { state, left, expires } = c.offline;
  const refill = t("codes.refill", { name: c.name });
  const ready = state === "ready" || state === "low";
  return page("codes-of", { title: c.name, back: true, lead: t("codes.how", { name: c.name }) }, [
    state === "low" ? card("warn", t("codes.low_what", { left }), refill) : null,
    state === "none" ? card("bad", t("codes.none_what"), refill) : null,
    state === "expired" ? card("bad", t("codes.expired_what"), refill, left > 0 ? h("p", {}, t("codes.expired_clock", { name: c.name })) : null) : null,
    trouble(ui.problem),
    facts([[t("codes.left"), String(left)], [t("codes.until"), moment(expires)]]),
  ], [
    left > 0 ? button("showCode", [icon("digits"), t(ready ? "codes.show" : "codes.show_anyway")], ready ? "primary huge" : "", { id: c.id }, ui.busy === "show_code") : null,
    button("go", t("codes.remove"), "danger-quiet", { to: "codes-remove", id: c.id }),
  ]);
}

function remove(c, ui) {
  return page("codes-remove", { title: t("codes.remove_title"), back: true }, [
    card("warn", t("codes.remove_what", { name: c.name }), t("codes.remove_next")), trouble(ui.problem),
  ], [button("forgetCodes", t("codes.remove_yes"), "danger", { id: c.id }, ui.busy === "forget_codes"), button("back", t("codes.remove_no"), "")]);
}

// grouped splits digits into groups of at most four that differ by one digit at most.
function grouped(digits) {
  const count = Math.ceil(digits.length / 4), groups = [];
  for (let from = 0, left = count; left > 0; left--) {
    const size = Math.ceil((digits.length - from) / left);
    groups.push(digits.slice(from, from + size));
    from += size;
  }
  return groups;
}

// code is a code on the screen, until its time is over.
export function code(view, ui) {
  const c = view.code;
  return page("code", { title: t("code.title", { name: c.workstation }), kind: "approve" }, [
    h("div", { class: "code" }, large(c.code, t("code.label"), grouped(c.code).map((group) => h("span", {}, group)))),
    h("div", { class: "side" }, ring(c.shown, c.until, ui), h("div", {}, h("p", {}, t("code.how", { name: c.workstation })))),
    c.left === 0 ? card("warn", t("code.last"), t("codes.refill", { name: c.workstation }))
      : c.state === "low" ? card("warn", t("codes.low_what", { left: c.left }), t("codes.refill", { name: c.workstation })) : null,
    trouble(ui.problem),
  ], [button("hideCode", t("code.hide"), "primary", {}, ui.busy === "hide_code")]);
}
