// One window runs the core: two would answer the same requests and write over each other. The lock ends with the window.

const name = "postern-core";

// alone takes the lock; with steal, from a window that has it. It answers a function that says whether it is still held, or
// null when another window has it. lost is called when another window takes it.
export function alone(lost, steal = false) {
  return new Promise((done) => {
    let held = true;
    navigator.locks.request(name, steal ? { steal } : { ifAvailable: true }, (lock) => {
      if (!lock) {
        done(null);
        return undefined;
      }
      done(() => held);
      return new Promise(() => {}); // as long as the window lives
    }).catch(() => {
      held = false;
      lost();
    });
  });
}
