//go:build js

// Command extension is the browser extension's Go half, compiled to WebAssembly for its service worker. It makes an
// [extension.Host] of what the worker offers and offers the worker what the browser's events need; it decides nothing.
//
// The worker provides globalThis.posternHost before Go starts:
//
//	load(): Promise<Uint8Array|null>            what save was handed last
//	save(data: Uint8Array|null): Promise        null erases
//	attach(): Promise<string>                   "" or "held" or "missing"
//	detach(): Promise
//	complete(answer: string): Promise           JSON: id, kind, response (a string) or error {name, message}
//	window(open: boolean): Promise
//	view(json: string): void
//	info: {version, browser, os, policy}        strings; policy is JSON
//
// Go then sets globalThis.postern:
//
//	call(command: string, json: string): Promise   rejects with an Error whose problem is {code, field, message, next}
//	begin(kind: string, id: number, details: string): void
//	cancel(id: number): void
//	policy(json: string): void
package main
