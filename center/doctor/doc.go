// Package doctor says what is wrong with a control center and with the tenants it is connected to, and what to do about
// it: a table of checks, each a name and a function of facts.
//
// [Service] gathers the facts, which needs the network, the database and Graph; [JudgeServer] and [JudgeTenant] decide, and
// are functions of the facts alone. The package changes nothing, neither here nor in a tenant. It does not own what it
// looks at: each part says itself how it stands. Workstations have a doctor of their own, package agent/doctor.
package doctor
