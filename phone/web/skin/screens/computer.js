// One computer: what it is, its name, and the end of the pairing.

import { moment, t } from "../text.js";
import { button, card, facts, page, trouble } from "../parts.js";
import { h } from "../dom.js";
import { gone, rename } from "./key.js";
import { presence } from "./home.js";
import { list } from "./activity.js";

export function computer(view, ui) {
  const c = view.computers.find((one) => one.id === ui.route.id);
  if (!c) return gone();
  if (ui.route.name === "computer-rename") return rename("computer", c, ui);
  if (ui.route.name === "computer-remove") return remove(c, ui);
  return page("computer", { title: c.name, back: true }, [
    h("p", {}, presence(c)),
    trouble(c.notice, "warn"),
    trouble(ui.problem),
    facts([[t("computer.kind"), t(`computer.kind_${c.kind}`)], [t("computer.os"), c.os], [t("computer.join"), c.join],
      [t("computer.paired"), moment(c.paired)], [t("computer.used"), moment(c.last_used) || t("never")]]),
    h("section", { "aria-labelledby": "used" }, h("h2", { id: "used" }, t("activity.title")), list(view.activity.filter((a) => a.workstation === c.name).slice(0, 10))),
  ], [c.offline ? button("go", t("codes.title"), "", { to: "codes-of", id: c.id }) : null, button("go", t("rename"), "", { to: "computer-rename", id: c.id }), button("go", t("computer.remove"), "danger-quiet", { to: "computer-remove", id: c.id })]);
}

function remove(c, ui) {
  return page("computer-remove", { title: t("computer.remove_title"), back: true }, [
    card("warn", t("computer.remove_what", { name: c.name }), t("computer.remove_next")), trouble(ui.problem),
  ], [button("unpair", t("computer.remove_yes"), "danger", { id: c.id }, ui.busy === "unpair"), button("back", t("computer.remove_no"), "")]);
}
