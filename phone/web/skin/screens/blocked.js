// Screens that stand in the place of the app when it cannot run.

import { t } from "../text.js";
import { button, gate, page, trouble } from "../parts.js";

export function blocked(ui) {
  if (ui.blocked === "elsewhere") return page("elsewhere", { title: t("elsewhere.title") }, [gate(), trouble({ code: "open_elsewhere" }, "info")], [button("takeOver", t("elsewhere.take"), "primary")]);
  return page(`blocked-${ui.blocked}`, { title: t("blocked.title") }, [gate(), trouble({ code: ui.blocked })], [button("reload", t("reload"), "primary")]);
}

export function starting() {
  return page("starting", { title: "Postern", kind: "middle" }, [gate(), t("starting")]);
}
