// Package u2f holds the messages of CTAP1, which is U2F 1.2, as data: requests,
// responses, status words and what is signed. It turns bytes into values and
// values into bytes; package authenticator decides what is answered, and the
// transports carry it (CTAPHID calls it MSG).
//
// # Requests
//
// A request is an ISO 7816-4 command APDU in short or extended length (FIDO U2F
// Raw Message Formats §3). Lc and Le may be missing; Le is read and ignored, as
// nothing here is answered in pieces.
//
//	short     CLA INS P1 P2 [ Lc(1) data ] [ Le(1) ]
//	extended  CLA INS P1 P2 [ 00 Lc(2) data [ Le(2) ] | 00 Le(2) ]
//
//	CLA  00
//	INS  01 register      challenge(32) ‖ application(32)
//	     02 authenticate  challenge(32) ‖ application(32) ‖ L(1) ‖ key handle(L)
//	     03 version       nothing
//	P1   of authenticate: 03 enforce presence and sign, 07 check only,
//	     08 sign without presence; of the others: ignored
//	P2   ignored
//
// # Responses
//
// A response is data and a status word(2, big endian); only 9000 comes with data.
//
//	register      05 ‖ public key(65) ‖ L(1) ‖ key handle(L) ‖ certificate(DER) ‖ signature(DER)
//	authenticate  flags(1) ‖ counter(4, big endian) ‖ signature(DER)
//	version       "U2F_V2"
//
// Signatures are ECDSA on P-256 over SHA-256 of
//
//	register      00 ‖ application ‖ challenge ‖ key handle ‖ public key
//	authenticate  application ‖ flags ‖ counter ‖ challenge
//
// Application is the SHA-256 of the application's identity: the rpIdHash of CTAP2.
// A public key is an uncompressed point, 04 ‖ x(32) ‖ y(32).
package u2f
