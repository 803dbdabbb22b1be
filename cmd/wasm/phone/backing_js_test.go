package main

import (
	"syscall/js"
	"testing"

	"github.com/postern/postern/phone/vault"
	"github.com/postern/postern/phone/vault/backingtest"
)

// store is a page's store in memory, written in the page's language: what the bridge converts, it converts for real.
const store = `(() => {
	const records = new Map(); let last = 0;
	return {
		async read(names) {
			const found = {};
			for (const [name, r] of records) if (names === null || names.includes(name)) found[name] = {version: r.version, data: r.data.slice()};
			return found;
		},
		async replace(changes) {
			for (const c of changes) if ((records.get(c.name)?.version ?? 0) !== c.from) return false;
			last++;
			for (const c of changes) if (c.data === null) records.delete(c.name); else records.set(c.name, {version: last, data: c.data.slice()});
			return true;
		},
	};
})()`

// TestBacking runs the suite of every backing against the bridge.
func TestBacking(t *testing.T) {
	open := func(*testing.T) vault.Backing { return backing{js.Global().Call("eval", store)} }
	backingtest.Run(t, open, nil)
}

// TestBackingFails: what a page throws, rejects with or leaves out is an error, and no end of the program.
func TestBackingFails(t *testing.T) {
	for name, host := range map[string]string{
		"throws":             `({read() { throw new Error("no") }, replace() { throw new Error("no") }})`,
		"rejects":            `({async read() { throw undefined }, async replace() { throw new Error("quota") }})`,
		"gives no records":   `({async read() { return {a: 1} }, async replace() { return 1 }})`,
		"gives no promise":   `({read() { return {a: {version: "1", data: null}} }, replace() { return null }})`,
		"has no such method": `({})`,
	} {
		b := backing{js.Global().Call("eval", host)}
		if _, err := b.Read(t.Context(), "a"); err == nil {
			t.Errorf("a store that %s was read", name)
		}
		if err := b.Replace(t.Context(), vault.Change{Name: "a", Data: []byte{1}}); err == nil {
			t.Errorf("a store that %s was written", name)
		}
	}
}
