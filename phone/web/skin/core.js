// The core: Go, compiled to WebAssembly. It reads globalThis.posternHost and sets globalThis.postern.

import { Trouble } from "./trouble.js";

// compile fetches and compiles the core. It is begun first of all, because nothing else takes as long.
export function compile(url) {
  const compiling = WebAssembly.compileStreaming(fetch(url));
  compiling.catch(() => {}); // start says so, if it comes to that
  return compiling;
}

// start runs the core, and calls stopped should it ever end.
export async function start(compiling, stopped) {
  const go = new globalThis.Go();
  let instance;
  try {
    instance = await WebAssembly.instantiate(await compiling, go.importObject);
  } catch (e) {
    console.error(e);
    throw new Trouble(navigator.onLine ? "core_failed" : "core_offline");
  }
  go.run(instance).then(stopped, stopped);
}
