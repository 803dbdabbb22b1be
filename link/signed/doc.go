// Package signed calls a control center in the name of a device: each request carries a fresh signature by the device's
// identity key over method, path, time and body, as docs/phone-api.md describes under "Sign every other request".
//
// It owns the signature, the limits of an answer and the words for a control center that cannot be reached. It owns no
// keys and no connection: a [Transport] moves the bytes, net/http everywhere but in a browser, where fetch does.
package signed
