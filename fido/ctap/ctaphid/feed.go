package ctaphid

import (
	"slices"
	"time"
)

// Feed takes one report of the host. Reports that are not 64 bytes are ignored.
func (d *Device) Feed(report []byte, now time.Time) []Action {
	p, ok := parsePacket(report)
	if !ok {
		return nil
	}
	actions := d.Tick(now)
	switch {
	case !p.initial:
		// While a request runs nothing is being assembled, so that its channel's
		// continuation packets are stray like any other.
		return append(actions, d.assemble(report, now)...)
	case p.command == Cancel:
		return append(actions, d.cancel(p.cid)...)
	}
	if code := d.arbitrate(p); code != 0 {
		return append(actions, refuse(p.cid, code)...)
	}
	if p.command == Init {
		return append(actions, d.initialise(p)...)
	}
	d.channels.touch(p.cid)
	if code := d.admit(p); code != 0 {
		return append(actions, refuse(p.cid, code)...)
	}
	return append(actions, d.assemble(report, now)...)
}

// arbitrate decides whether an initialisation packet may be heard on its channel
// now (CTAP 2.1 §11.2.5); 0 is yes.
//
// INIT on the broadcast channel is heard during a transaction: it is one packet,
// needs nothing the transaction holds, and a second program must be able to get
// a channel to be told "busy" on.
func (d *Device) arbitrate(p packet) ErrorCode {
	allocating := p.cid == Broadcast && p.command == Init
	if !allocating && !d.channels.has(p.cid) {
		if !d.config.AnyChannel || p.cid == 0 || p.cid == Broadcast {
			return InvalidChannel
		}
		d.channels.admit(p.cid, d.busy())
	}
	if d.lockCID != 0 && d.lockCID != p.cid {
		return ChannelBusy
	}
	if allocating || p.command == Init && (d.busy() == p.cid || d.config.AnyChannel) {
		return 0
	}
	if d.running != nil {
		return ChannelBusy
	}
	switch d.busy() {
	case 0:
		return 0
	case p.cid:
		d.assembly.Reset()
		return InvalidSequence
	default:
		return ChannelBusy
	}
}

// busy is the channel of the transaction, in whichever stage; 0 for none.
func (d *Device) busy() uint32 {
	if d.running != nil {
		return d.running.cid
	}
	cid, _ := d.assembly.Active()
	return cid
}

// admit decides from its first packet whether a message is one this device
// takes; 0 is yes. Refusing early leaves the rest of the message stray, which
// keeps a host from filling memory with what nobody will read.
func (d *Device) admit(p packet) ErrorCode {
	var lengthOK, has bool
	switch p.command {
	case Ping:
		has, lengthOK = true, true
	case Msg:
		has, lengthOK = d.config.Capabilities&CapNoMsg == 0, p.length > 0
	case CBOR:
		has, lengthOK = d.config.Capabilities&CapCBOR != 0, p.length > 0
	case Wink:
		has, lengthOK = d.config.Capabilities&CapWink != 0, p.length == 0
	case Lock:
		has, lengthOK = d.config.Lock, p.length == 1
	}
	switch {
	case !has:
		return InvalidCommand
	case !lengthOK || p.length > MaxPayload:
		return InvalidLength
	case d.lockCID != p.cid && slices.Contains(d.config.NeedsLock, p.command):
		return LockRequired
	}
	return 0
}

// initialise answers INIT: a new channel on the broadcast channel; elsewhere the
// channel's own transaction ends and it is told its own number.
func (d *Device) initialise(p packet) []Action {
	var actions []Action
	if p.cid == d.busy() {
		if d.running != nil {
			actions = append(actions, AbortRequest{d.running.id})
		}
		d.running = nil
		d.assembly.Reset()
	}
	if p.length != NonceSize {
		return append(actions, refuse(p.cid, InvalidLength)...)
	}
	cid := p.cid
	if cid == Broadcast {
		cid = d.channels.allocate(d.busy()) // no lock is held: arbitrate refused it then
	} else {
		d.channels.touch(cid)
	}
	r := InitResponse{
		Nonce: [NonceSize]byte(p.data), CID: cid, Protocol: ProtocolVersion,
		Major: d.config.Major, Minor: d.config.Minor, Build: d.config.Build,
		Capabilities: d.config.Capabilities,
	}
	return append(actions, reply(p.cid, Init, r.Encode())...)
}

// cancel is never answered, whatever it was sent on (CTAP 2.1 §11.2.9.1.5).
func (d *Device) cancel(cid uint32) []Action {
	t := d.running
	if t == nil || t.cid != cid || t.command != CBOR || t.cancelled {
		return nil
	}
	t.cancelled = true
	return []Action{CancelRequest{t.id}}
}

func (d *Device) assemble(report []byte, now time.Time) []Action {
	m, err := d.assembly.Feed(report, now)
	if m == nil {
		return refuseError(err)
	}
	switch m.Command {
	case Ping:
		return reply(m.CID, Ping, m.Payload)
	case Wink:
		return append(reply(m.CID, Wink, nil), Winked{})
	case Lock:
		return d.lock(m, now)
	}
	d.lastID++
	d.running = &transaction{id: d.lastID, cid: m.CID, command: m.Command, status: Processing, spoke: now}
	return []Action{Start{ID: d.lastID, Command: m.Command, Payload: m.Payload}}
}

// lock keeps other channels out for some seconds; 0 lets them in again.
func (d *Device) lock(m *Message, now time.Time) []Action {
	period := time.Duration(m.Payload[0]) * time.Second
	if period > MaxLock {
		return refuse(m.CID, InvalidParameter)
	}
	d.lockCID = 0
	if period > 0 {
		d.lockCID, d.lockEnd = m.CID, now.Add(period)
	}
	return reply(m.CID, Lock, nil)
}
