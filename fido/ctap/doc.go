// Package ctap holds the Client to Authenticator Protocol (CTAP 2.1, with the
// members CTAP 2.2 and 2.3 added) as data: command bytes, status codes,
// canonical CBOR, COSE keys, authenticator data, and the requests and
// responses of the commands.
//
// It turns bytes into values and values into bytes, and nothing else. It does
// not decide what an authenticator answers (package authenticator), what a
// browser asks for (package client), or how bytes travel (the transports).
//
// # Messages
//
// A request is one [Command] byte and, for most commands, one CBOR map. A
// response is one [Status] byte and, where the status is [OK] and the command
// has output, one CBOR map:
//
//	request   command(1) ‖ CBOR map
//	response  status(1)  ‖ CBOR map
//
// [EncodeRequest], [SplitRequest], [EncodeResponse] and [SplitResponse] work on
// whole messages; every Decode function takes the CBOR part alone.
//
// # Canonical CBOR
//
// CTAP 2.1 §8 defines the canonical form: shortest integers and lengths,
// definite lengths, no tags, sorted and unique map keys, at most four levels of
// nesting. [Check] holds incoming data to all of it, and [Marshal] produces
// nothing else: browsers drop an authenticator whose answers break the form.
//
// # Errors
//
// Errors of this package wrap the [Status] that the standard asks for: a
// member of the wrong type is [ErrCBORUnexpectedType], malformed or
// non-canonical CBOR is [ErrInvalidCBOR], a missing member is
// [ErrMissingParameter]. [StatusOf] finds it. A failed decode returns no value.
package ctap
