// Package extension is the browser extension without the browser: it pairs phones with one browser, takes the WebAuthn
// requests that the browser's pages make, has a phone answer them, and says what it is doing.
//
// Two pages are its surface towards the screens. A [View] is everything they may show, made anew whenever something
// changes. The commands of [App.Call] are everything a person can do. Towards the browser stands [Host]: where the state
// is kept, whether the browser sends its requests here, and how they are answered. cmd/wasm/extension makes a Host of
// chrome.webAuthenticationProxy and chrome.storage; a test makes one of its own.
//
// The package owns the order of things: enrolment, pairing, the queue of requests, which phone is asked, the fall-back to
// the browser's own keys, and the words for what went wrong. Ceremonies are package client's, the link to the phones is
// package workstation's.
//
// # What is believed
//
// A page chooses everything in its options, so nothing of them says who it is. The origin is the one the browser puts in
// place of the extension remoteDesktopClientOverride, which it refuses to take from pages; without it there is no
// ceremony. Whether that origin may use the relying party id is checked again here, with the public suffix list, though
// the browser did: what is signed is what this package wrote.
//
// # What a page is told
//
// Whether somebody refused, has no passkey, or was not there is told to the person and not to the page (WebAuthn §14.5):
// the page learns NotAllowedError. Only what it can find out anyway, or asked for wrongly, has its own name and sentence.
package extension
