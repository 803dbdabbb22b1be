// Command phone is the phone app's core in a browser: package app compiled to WebAssembly, with the page's JavaScript as
// its host. It owns the bridge between the two and nothing else.
//
// Before it starts, the page sets globalThis.posternHost:
//
//	view(json)                   is told of every change: an app.View
//	read(names | null)           Promise<{[name]: {version: number, data: Uint8Array}}>, as vault.Backing's Read
//	replace(changes)             Promise<boolean>, as vault.Backing's Replace; false is a conflict, and nothing changed.
//	                             A change is {name, from: number, data: Uint8Array | null}
//	erase()                      Promise, deletes everything the store keeps
//	info                         {origin, platform, version, language}
//
// It then sets globalThis.postern:
//
//	call(command, json, output?) Promise<null>; rejects with an Error whose problem is an app.Problem. output is a
//	                             Uint8Array, copied before call returns and wiped here when the command is done
//
// Versions are whole numbers below 2^53. Nothing secret is written to the console.
package main
