// Package plan says what a policy document would change in a tenant. It checks the document against the tenant's policy,
// works out the policy as it would be, and tells the difference of any two policies as steps with a sentence for people;
// the same differ tells how a tenant drifted. It also says what people should know of a policy as it is.
//
// It does no I/O and judges no people: package impact says whom a change concerns.
package plan
