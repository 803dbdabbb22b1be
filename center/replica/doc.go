// Package replica joins the replicas of one control center over NATS: a phone that reached one of them talks to a
// workstation at another, and whoever waits at one hears at once of a change that was made at another.
//
// It implements what the neighbours ask for, [relay.Fabric] between the hubs of the link and [backbone.Backbone] for
// notices, and it is a package of its own so that neither of them, nor anything else of the control center, knows NATS.
// A control center of one process has no use for it.
//
// What travels is hints, which may be lost, and sealed frames between devices, which are answered for: whoever sends
// one learns whether a replica took it. Nothing is kept at NATS and nothing durable depends on it. While it cannot be
// reached, devices at the same replica go on talking to each other, and long polls look at the database by themselves.
//
// # On the wire
//
// Subjects begin with a prefix that is the installation's own, so that several may share a NATS cluster and an account
// may be held to one of them.
//
//	PREFIX.notice          origin (8) ‖ topic      to every replica; origin is random for each process
//	PREFIX.link.ADDRESS    a message of a hub      to the replica that the device is at; a request
//	PREFIX.reply.>         0 taken, 1 full         the answer
//
// ADDRESS is the base64url of the device's id or of the rendezvous: ids tell capitals from small letters, and so do
// subjects, but they may hold none of the separators.
//
// Notices share one subject, because a subscription for each topic would be made and dropped with every long poll:
// 10,000 waiting phones are 400 of each a second, through the whole cluster, for notices of which there is one when
// something changes. A notice is 60 bytes, and a replica looks it up in a map.
//
// Addresses have a subject each, because a payload is for one replica of many, and because NATS then knows when it is
// for none. They share one channel: a device that says nothing costs a map entry and no goroutine.
package replica
