// The core: Go, compiled to WebAssembly. It reads globalThis.posternHost and sets globalThis.postern.

import { Trouble } from "./trouble.js";

let begun;

// prepare has the core fetched and compiled while the app still looks around. What goes wrong is told when it is started.
export function prepare(url) {
  begun = WebAssembly.compileStreaming(fetch(url));
  begun.catch(() => {});
}

// start runs the core, and calls stopped should it ever end.
export async function start(url, stopped) {
  const go = new globalThis.Go();
  let instance;
  try {
    const compiling = begun ?? WebAssembly.compileStreaming(fetch(url));
    begun = null; // another try fetches again
    instance = await WebAssembly.instantiate(await compiling, go.importObject);
  } catch (e) {
    console.error(e);
    throw new Trouble(navigator.onLine ? "core_failed" : "core_offline");
  }
  go.run(instance).then(stopped, stopped);
}
