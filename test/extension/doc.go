// Package extension tests the browser extension as people have it: loaded into a real headless Chromium, with a control
// center, its relay and a phone behind it, and pages of sites that ask for passkeys before it.
package extension
