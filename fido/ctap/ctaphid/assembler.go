package ctaphid

import "time"

// Assembler puts the reports of one direction together. It holds one message at
// a time and at most [MaxPayload] bytes. The zero value accepts every channel.
type Assembler struct {
	// Only, where not zero, is the one channel listened to. A host sets it: it
	// hears the answers to other programs too, and they are not errors. While it
	// asks for a channel, that one is Broadcast.
	Only uint32

	message Message // the incomplete message; Payload grows up to want
	want    int
	seq     byte
	active  bool
	last    time.Time
}

// Feed takes one report. It gives a message when the report completes one, and
// nil without an error while more is to come.
//
// Continuation packets that belong to no message are ignored (§11.2.4). Errors
// are [*ChannelError] with these codes:
//
//   - [InvalidLength]: the report is not 64 bytes (channel 0), or the message
//     announces more than [MaxPayload];
//   - [InvalidChannel]: channel 0, or [Broadcast] with another command than INIT
//     or, for a host that listens there, than ERROR;
//   - [InvalidSequence]: a packet is missing; the message is dropped;
//   - [ChannelBusy]: a message began on another channel; the one being
//     assembled is kept;
//   - [MessageTimedOut]: the message stalled before this report, which is
//     dropped with it. Call [Assembler.Expire] first to have them apart.
//
// INIT in the middle of a message of its channel takes that message's place.
func (a *Assembler) Feed(report []byte, now time.Time) (*Message, error) {
	p, ok := parsePacket(report)
	if !ok {
		return nil, &ChannelError{0, InvalidLength}
	}
	if a.Only != 0 && p.cid != a.Only {
		return nil, nil
	}
	if err := a.Expire(now); err != nil {
		return nil, err
	}
	if !p.initial {
		return a.next(p, now)
	}
	switch {
	case p.cid == 0 || p.cid == Broadcast && p.command != Init && !a.refusal(p):
		return nil, &ChannelError{p.cid, InvalidChannel}
	case a.active && p.cid != a.message.CID:
		return nil, &ChannelError{p.cid, ChannelBusy}
	case a.active && p.command != Init:
		a.Reset()
		return nil, &ChannelError{p.cid, InvalidSequence}
	case p.length > MaxPayload:
		a.Reset()
		return nil, &ChannelError{p.cid, InvalidLength}
	}
	a.message = Message{CID: p.cid, Command: p.command, Payload: make([]byte, 0, p.length)}
	a.want, a.seq, a.active = p.length, 0, true
	return a.take(p.data, now), nil
}

// refusal reports whether p tells a host that asked for a channel why it gets
// none.
func (a *Assembler) refusal(p packet) bool {
	return a.Only == Broadcast && p.command == Error
}

// next takes a continuation packet.
func (a *Assembler) next(p packet, now time.Time) (*Message, error) {
	if !a.active || p.cid != a.message.CID {
		return nil, nil
	}
	if p.seq != a.seq {
		a.Reset()
		return nil, &ChannelError{p.cid, InvalidSequence}
	}
	a.seq++
	return a.take(p.data, now), nil
}

func (a *Assembler) take(data []byte, now time.Time) *Message {
	a.last = now
	missing := a.want - len(a.message.Payload)
	a.message.Payload = append(a.message.Payload, data[:min(len(data), missing)]...)
	if len(a.message.Payload) < a.want {
		return nil
	}
	m := a.message
	a.Reset()
	return &m
}

// Expire drops a message whose next packet is overdue, with [MessageTimedOut].
func (a *Assembler) Expire(now time.Time) error {
	if deadline, ok := a.Deadline(); !ok || now.Before(deadline) {
		return nil
	}
	cid := a.message.CID
	a.Reset()
	return &ChannelError{cid, MessageTimedOut}
}

// Deadline is when the message being assembled expires; ok is false where there
// is none.
func (a *Assembler) Deadline() (t time.Time, ok bool) {
	return a.last.Add(MessageTimeout), a.active
}

// Active is the channel of the message being assembled, if there is one.
func (a *Assembler) Active() (cid uint32, ok bool) {
	return a.message.CID, a.active
}

// Reset drops the message being assembled.
func (a *Assembler) Reset() {
	a.message, a.want, a.seq, a.active = Message{}, 0, 0, false
}
