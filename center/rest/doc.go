// Package rest is the HTTP API of the control center: what administrators' scripts and the command line use below
// /api/v1, and what phones use below /phone/v1.
//
// It owns routes, the OpenAPI document that is made from them, problem documents, and the defences of the API: limits,
// permissions, the signature of phones. It does not own what an operation does; the domain packages do, behind the
// interfaces of services.go. It does not own who somebody is (package auth) nor the console (package web).
//
// A request passes, in this order:
//
//	Edge          request id, client address, access log, panics; for the whole server, console included
//	API           rate per client, size of the body, session, cross-origin check
//	route         permission, or signature of the phone; rate per phone; time limit
//	handler       one call of one service
//
// Every refusal is a problem document (RFC 9457) made from an [postern.Error] in problem.go. Every operation names the
// permission it needs in its [route], which is where both the check and the document take it from.
package rest
