// The languages. Texts lie in lang/, one file a language, all with the same keys; what the core says comes in English, and where
// it has a code the other languages have sentences of their own.

export const languages = ["en", "de"];

let words = {};
let codes = {};
let base = {};
let language = "en";

// speak loads a language.
export async function speak(wanted) {
  const load = async (name) => (await fetch(new URL(`lang/${name}.json`, import.meta.url))).json();
  base = await load("en");
  language = languages.includes(wanted) ? wanted : "en";
  const chosen = language === "en" ? base : await load(language);
  words = chosen.text;
  codes = chosen.codes;
  document.documentElement.lang = language;
}

// preferred finds the language of the device among those the app has.
export function preferred() {
  for (const wanted of navigator.languages ?? [navigator.language]) {
    const short = wanted.slice(0, 2).toLowerCase();
    if (languages.includes(short)) return short;
  }
  return "en";
}

export function spoken() { return language; }

// t gives a text. {name} stands for a value.
export function t(key, values) {
  const text = words[key] ?? base.text?.[key] ?? key;
  return values ? filled(text, values) : text;
}

function filled(text, values) { return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all); }

// has reports whether there is a text of that name.
export function has(key) { return key in words; }

// told gives what happened and what to do, of a problem or a notice. English sentences come from the core, which knows more
// than a table; the skin's own problems have none and take the table's. A sentence of the table may name what the problem
// carries, as {account}; where it cannot say what the core's does, such as which setting or which server, the entry ends with
// "original", and the core's sentence stands below it.
export function told(problem) {
  const known = codes[problem.code];
  if (known && (language !== "en" || !problem.message)) {
    return { what: filled(known[0], problem), next: filled(known[1], problem), original: known[2] === "original" ? problem.message ?? "" : "" };
  }
  if (problem.message) return { what: problem.message, next: problem.next ?? "" };
  const fallback = codes.internal ?? ["", ""];
  return { what: fallback[0], next: fallback[1] };
}

// sentence gives what was found by a check.
export function sentence(check) {
  if (language === "en") return check.text;
  const name = check.check.toLowerCase().replace(/[^a-z]+/g, "_");
  if (check.ok) return t(has(`diagnosis.${name}.ok`) ? `diagnosis.${name}.ok` : "diagnosis.ok", { check: checkName(check) });
  const known = codes[check.code];
  if (known) return `${known[0]} ${known[1]}`;
  return has(`diagnosis.${name}.bad`) ? t(`diagnosis.${name}.bad`) : check.text;
}

export function checkName(check) {
  const name = `diagnosis.${check.check.toLowerCase().replace(/[^a-z]+/g, "_")}`;
  return has(name) ? t(name) : check.check;
}

// moment writes a time as people of the language do. The core's zero is no time.
export function moment(text) {
  if (!text || text.startsWith("0001-")) return "";
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
}

export function clock(text) {
  return new Intl.DateTimeFormat(language, { timeStyle: "medium" }).format(new Date(text));
}
