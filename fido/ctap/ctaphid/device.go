package ctaphid

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Config is what a device is. The zero value has U2F alone.
type Config struct {
	Major, Minor, Build byte // device version, as INIT reports it
	Capabilities        Capabilities
	// Lock allows LOCK, which the standard leaves optional.
	Lock bool
	// NeedsLock are commands refused with [LockRequired] on a channel that does
	// not hold the lock.
	NeedsLock []Command
	// Channels is how many channels exist at once: 0 is 64, and fewer than 4
	// count as 4. Beyond them a new channel replaces the one unused for longest.
	Channels int
	// NewCID proposes channel numbers; nil draws them at random. They keep
	// programs apart and protect nothing.
	NewCID func() uint32
	// AnyChannel allocates a channel where a message comes in on one that was
	// never given away, instead of refusing it, and hears INIT on any channel
	// during a transaction of another. It is for host tests that make up their
	// channels; on a bus that programs share it hides mistakes.
	AnyChannel bool
}

// Device is the device's side of CTAPHID. It runs one transaction at a time
// over all channels (CTAP 2.1 §11.2.5.1). It is not for concurrent use, and
// the times handed to it should not go backwards.
type Device struct {
	config   Config
	channels channels
	assembly Assembler

	running *transaction
	lastID  uint64

	lockCID uint32 // 0 where there is no lock
	lockEnd time.Time
}

// transaction is a request in the caller's hands.
type transaction struct {
	id        uint64
	cid       uint32
	command   Command
	status    Status
	spoke     time.Time // start, or last keepalive
	cancelled bool
}

// NewDevice gives an idle device without channels.
func NewDevice(c Config) *Device {
	if c.NewCID == nil {
		c.NewCID = rand.Uint32
	}
	return &Device{config: c, channels: newChannels(c.Channels, c.NewCID)}
}

// Done answers request id. An answer longer than [MaxPayload] reaches the host
// as [Other]. For a request that is not running Done does nothing: it was
// aborted, or answered before.
func (d *Device) Done(id uint64, payload []byte) []Action {
	t := d.running
	if t == nil || t.id != id {
		return nil
	}
	d.running = nil
	return reply(t.cid, t.command, payload)
}

// Fail answers request id with a CTAPHID error. It is for failures below CTAP2:
// a failed command is a status in the payload of [Device.Done].
func (d *Device) Fail(id uint64, code ErrorCode) []Action {
	t := d.running
	if t == nil || t.id != id {
		return nil
	}
	d.running = nil
	return refuse(t.cid, code)
}

// SetStatus says what request id waits for. A change is told to the host at
// once; a request starts as [Processing].
func (d *Device) SetStatus(id uint64, s Status, now time.Time) []Action {
	t := d.running
	if t == nil || t.id != id || t.status == s {
		return nil
	}
	t.status = s
	return t.keepalive(now)
}

// Tick does what is due by now: keepalives, message time-outs, the end of a
// lock. Call it no later than [Device.Next].
func (d *Device) Tick(now time.Time) []Action {
	if d.lockCID != 0 && !now.Before(d.lockEnd) {
		d.lockCID = 0
	}
	if t := d.running; t != nil {
		if now.Before(t.spoke.Add(KeepaliveEvery)) {
			return nil
		}
		return t.keepalive(now)
	}
	return refuseError(d.assembly.Expire(now))
}

// Next is when Tick has something to say; ok is false for an idle device.
func (d *Device) Next() (t time.Time, ok bool) {
	if d.running != nil {
		return d.running.spoke.Add(KeepaliveEvery), true
	}
	return d.assembly.Deadline()
}

func (t *transaction) keepalive(now time.Time) []Action {
	t.spoke = now
	return reply(t.cid, Keepalive, []byte{byte(t.status)})
}

// reply sends a message of this device.
func reply(cid uint32, c Command, payload []byte) []Action {
	reports, err := Packets(Message{CID: cid, Command: c, Payload: payload})
	if err != nil {
		return refuse(cid, Other)
	}
	actions := make([]Action, len(reports))
	for i, r := range reports {
		actions[i] = Send{r}
	}
	return actions
}

func refuse(cid uint32, code ErrorCode) []Action {
	return reply(cid, Error, []byte{byte(code)})
}

// refuseError tells the host of an error of the assembler.
func refuseError(err error) []Action {
	var e *ChannelError
	if !errors.As(err, &e) {
		return nil
	}
	return refuse(e.CID, e.Code)
}
