// Package web serves the phone app: the pages, the scripts and the compiled core that a phone installs from the control
// center.
//
// It owns the skin (the folder skin: what people see, in vanilla JavaScript), the addresses below /app/ and /p, and the
// headers they carry. It does not own what the app does: the skin draws the [app.View] that the core sends, sends it
// commands, and keeps its records. internal/appbuild makes the folder dist of skin, stories and core, and this package embeds
// it. Without one it says so in a page.
//
// # Addresses
//
//	/app/                 the start page; asks the server each time, but a phone that has the app has its own copy
//	/app/sw.js            the service worker: keeps the app on the phone, version by version, and shows push messages
//	/app/skin-HASH/…      scripts, styles, texts and icons; kept for good, as the hash is of their content
//	/app/core-HASH/…      the compiled core
//	/app/stories          every state of every screen, where it is switched on
//	/p                    what a camera finds in a QR code; leads to the app, which finds the code in the fragment
//
// [app.View]: https://pkg.go.dev/github.com/postern/postern/phone/app#View
package web
