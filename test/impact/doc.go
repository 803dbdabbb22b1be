// Package impact proves the judgement of center/policy/impact: random tenants and random changes of their policy are put
// into the emulated tenant, what becomes of people is predicted from what can be read over Graph, and then everybody
// signs in and registers for real, before the change and after it.
//
// It owns the software keys it signs with and the requests by which it changes a policy. It does not own the emulator,
// which judges by its own reading of the documentation.
package impact
