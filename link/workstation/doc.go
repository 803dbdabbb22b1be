// Package workstation is the workstation's half of Postern without a screen. The agent uses it as it is, the browser
// extension compiled to WebAssembly; both draw their own screens over it.
//
// [Enrol] makes a workstation known to a control center, [Open] takes one up again from its [State]. [Workstation.Run]
// then keeps the connection to the relay, and a secure session with every paired phone that is there. [Workstation.Pair]
// pairs another phone, [Workstation.Request] asks one, and [Workstation.Status] is what a screen shows.
//
// The package owns the order in which things are kept, asked and shown. It owns no connection, no store, no clock and no
// key it was not given: [Env] has them. What a CTAP message means is unknown here. docs/link.md is the specification.
//
// # What may go wrong
//
//	the answer of the enrolment is lost     the keys were kept before; enrolling with them finds the same workstation
//	the connection breaks and resumes       nothing is lost; an open request goes on
//	the connection is lost for good         sessions are made anew; an open request fails, the next one waits
//	a phone goes away                       its session stays; what is asked reaches it when it comes back
//	a phone is gone                         its session is dropped; a request it has not taken up waits until the phone,
//	                                        which the control center wakes, is back, and is asked again; others fail
//	a message does not open                 the session ends and another is begun; the open request fails
//	a phone has no session                  another is begun, at most every five seconds
//	a phone falls silent                    its user is told; the request stays open until its deadline
//	the control center refuses              the sentence of its catalogue stands in the status, and ends the request
//	the workstation is revoked              Run ends and returns that refusal
//	the clock is wrong                      the control center's time is taken instead, for proofs and deadlines
//	two pairings are begun                  the later one counts, unless the earlier one is being confirmed
//	a pairing is confirmed half             the phone was kept before; what the control center does not list is forgotten
package workstation
