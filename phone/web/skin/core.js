// The core: Go, compiled to WebAssembly. It reads globalThis.posternHost and sets globalThis.postern.

import { Trouble } from "./trouble.js";

// start runs the core, and calls stopped should it ever end.
export async function start(url, stopped) {
  const go = new globalThis.Go();
  let compiled;
  try {
    compiled = await WebAssembly.instantiateStreaming(fetch(url), go.importObject);
  } catch (e) {
    console.error(e);
    throw new Trouble(navigator.onLine ? "core_failed" : "core_offline");
  }
  go.run(compiled.instance).then(stopped, stopped);
}
