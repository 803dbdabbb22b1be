// The stories: every state of every screen, with nothing behind it. /app/stories lists them, /app/stories/NAME shows one,
// and ?lang=de shows it in German; globalThis.story shows another in the same page. The texts that come from the core are
// the core's own, in English.

import { h } from "/app/skin/dom.js";
import { fresh, show } from "/app/skin/screen.js";
import { languages, speak, spoken } from "/app/skin/text.js";
import { stories } from "./states.js";

const name = decodeURIComponent(location.pathname.replace(/^\/app\/stories\/?/, ""));
const wanted = new URLSearchParams(location.search).get("lang");
const root = document.getElementById("app");

globalThis.story = async (name, language) => {
  if (language !== spoken()) await speak(language);
  const { ui, view } = stories[name]();
  // The time stands still, so that a picture is the same each time.
  const now = new Date("2026-03-02T08:15:12Z").getTime();
  show(root, view, { ...fresh(), suggestion: "Pixel 9", version: "1f2e3d4c5b6a7988", now: () => now, ...ui });
};

await speak(languages.includes(wanted) ? wanted : "en");
if (stories[name]) {
  await globalThis.story(name, spoken());
} else {
  document.title = "Stories · Postern";
  root.append(h("main", { class: "screen" }, h("h1", {}, "Stories"), h("ul", { id: "stories" }, Object.keys(stories).map((one) => h("li", {},
    h("a", { href: `/app/stories/${one}`, class: "out" }, one), " ", h("a", { href: `/app/stories/${one}?lang=de`, class: "out", "aria-label": `${one}, German` }, "de"))))));
}
document.documentElement.dataset.ready = "";
