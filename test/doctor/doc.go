// Package doctor holds the doctors of Postern to a table of defects: a tenant, a control center and workstations that are
// well at first, then broken in one way at a time. Of each defect exactly that finding must come, with its next step.
//
// It owns the table and how things are broken. It does not own what a doctor looks at: center/doctor, agent/doctor.
package doctor
