// The records of the core, in IndexedDB. Each is encrypted under an AES-GCM key that never leaves the browser (it cannot be
// exported), so that a copy of the profile's files alone is not readable. The core knows nothing of it: it seals its secrets
// itself.
//
// Versions come from one counter for all records, so that none is given twice, not even after a deletion.

const database = "postern";
const scheme = 1;

function wait(request) {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

function finished(transaction) {
  return new Promise((done, failed) => {
    transaction.oncomplete = () => done();
    transaction.onabort = () => failed(transaction.error ?? new DOMException("The storage gave up.", "AbortError"));
  });
}

function label(name) { return new TextEncoder().encode(`postern/phone-app/record/v1\0${name}`); }

export class Store {
  #db;
  #key;

  // held says whether this window may write; a window that lost the core to another may not.
  held = () => true;

  static async open() {
    const store = new Store();
    const opening = indexedDB.open(database, scheme);
    opening.onupgradeneeded = () => {
      for (const name of ["records", "keep"]) opening.result.createObjectStore(name);
    };
    store.#db = await wait(opening);
    store.#db.onversionchange = () => store.#db.close();
    await store.#unlock();
    return store;
  }

  async #unlock() {
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const transaction = this.#db.transaction("keep", "readwrite", { durability: "strict" });
    const keep = transaction.objectStore("keep");
    let key = await wait(keep.get("key"));
    if (!key) {
      key = made;
      keep.put(key, "key");
    }
    await finished(transaction);
    this.#key = key;
  }

  // read gives the records of these names, or all, as they were at one moment.
  async read(names) {
    const transaction = this.#db.transaction("records", "readonly");
    const records = transaction.objectStore("records");
    const found = {};
    if (names === null) {
      const [keys, values] = await Promise.all([wait(records.getAllKeys()), wait(records.getAll())]);
      keys.forEach((name, i) => { found[name] = values[i]; });
    } else {
      const values = await Promise.all(names.map((name) => wait(records.get(name))));
      names.forEach((name, i) => { if (values[i]) found[name] = values[i]; });
    }
    const out = {};
    await Promise.all(Object.entries(found).map(async ([name, record]) => {
      const data = await crypto.subtle.decrypt({ name: "AES-GCM", iv: record.iv, additionalData: label(name) }, this.#key, record.sealed)
        // A record that does not open is given as one that cannot be read: the core says which passkey it was.
        .catch(() => new ArrayBuffer(0));
      out[name] = { version: record.version, data: new Uint8Array(data) };
    }));
    return out;
  }

  // replace makes all changes or none, and answers when they are on the disk. False: a record was not at its version.
  async replace(changes) {
    const sealed = await Promise.all(changes.map(async ({ name, data }) => {
      if (data === null || data === undefined) return null;
      const iv = crypto.getRandomValues(new Uint8Array(12));
      return { iv, sealed: await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: label(name) }, this.#key, data) };
    }));
    if (!this.held()) throw new DOMException("Another window runs the app.", "InvalidStateError");
    const transaction = this.#db.transaction(["records", "keep"], "readwrite", { durability: "strict" });
    const done = finished(transaction);
    const records = transaction.objectStore("records");
    const keep = transaction.objectStore("keep");
    try {
      const [last, ...now] = await Promise.all([wait(keep.get("last")), ...changes.map(({ name }) => wait(records.get(name)))]);
      if (changes.some(({ from }, i) => (now[i]?.version ?? 0) !== from)) {
        transaction.abort();
        await done.catch(() => {});
        return false;
      }
      let version = last ?? 0;
      changes.forEach(({ name }, i) => {
        if (sealed[i]) records.put({ version: ++version, ...sealed[i] }, name);
        else records.delete(name);
      });
      keep.put(version, "last");
    } catch (e) {
      await done.catch(() => {});
      throw e;
    }
    await done;
    return true;
  }

  // erase deletes every record and the key, and makes a new one. The counter goes on.
  async erase() {
    const transaction = this.#db.transaction(["records", "keep"], "readwrite", { durability: "strict" });
    transaction.objectStore("records").clear();
    transaction.objectStore("keep").delete("key");
    await finished(transaction);
    await this.#unlock();
  }

  // setting reads a choice of the user that the service worker needs too.
  async setting(name) { return wait(this.#db.transaction("keep", "readonly").objectStore("keep").get(`setting ${name}`)); }

  async set(name, value) {
    const transaction = this.#db.transaction("keep", "readwrite");
    transaction.objectStore("keep").put(value, `setting ${name}`);
    await finished(transaction);
  }
}
