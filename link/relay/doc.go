// Package relay carries sealed messages between the devices of an organisation: a phone and the workstations it is
// paired with.
//
// Both sides are here. A device runs a [Client], which keeps one connection to the control center, takes it up again
// where it broke, and tells what happened as a sequence of events. The control center runs a [Hub] in each of its
// processes; hubs are joined by a [Fabric], so that it does not matter which of them a device reached.
//
// The package owns the frames, the sessions and the decision where a frame goes. It owns no connection (a [Conn] is
// handed in), no backbone (a [Fabric] is), and no opinion on who may talk to whom (a [Policy] has it). It cannot read
// what it carries, keeps it no longer than delivery takes, and writes none of it to a log or an error.
//
// docs/link.md describes the protocol.
package relay
