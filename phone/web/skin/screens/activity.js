// Activity: what the passkeys were asked for.

import { h } from "../dom.js";
import { moment, t } from "../text.js";
import { badge, page } from "../parts.js";

const kinds = { accepted: "ok", denied: "plain", late: "plain", cancelled: "plain", failed: "bad" };

export function list(entries) {
  if (entries.length === 0) return h("p", { class: "empty" }, t("activity.none"));
  return h("ul", { class: "log" }, entries.map((a) => h("li", { "data-key": a.at },
    h("span", { class: "name" }, t(`approve.${a.kind}_short`)), a.kind === "code" ? null : badge(kinds[a.outcome] ?? "plain", t(`outcome.${a.outcome}`), ["denied", "cancelled"].includes(a.outcome) ? "bad" : undefined),
    h("span", { class: "soft" }, [a.rp_id, a.account, a.workstation].filter(Boolean).join(" · ")), h("span", { class: "soft small" }, moment(a.at)))));
}

export function activity(view) {
  return page("activity", { title: t("activity.title"), back: true, lead: t("activity.lead") }, [list(view.activity)]);
}
