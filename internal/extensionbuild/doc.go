// Command extensionbuild makes the browser extension: the folder bin/extension to load unpacked, and the archive
// bin/postern-extension.zip for a store or a managed browser. It compiles cmd/wasm/extension and puts it beside the pages of
// extension/web.
//
// The archive is the same bytes for the same sources and the same Go: names in order, fixed times, no revision.
package main
