package agent

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/link/channel"
	codes "github.com/postern/postern/link/offline"
	"github.com/postern/postern/link/workstation"
)

const (
	// answerTime is how long a request may wait for the phone's user. Hosts hear keepalives all the while, and have their own
	// patience, which is one to five minutes.
	answerTime = 2 * time.Minute
	// infoTime is how long a question may take that the phone answers by itself.
	infoTime = 10 * time.Second
	// refreshTime is how long a host waits for such an answer where an older one would do.
	refreshTime = 2 * time.Second
	// purpose is what the phone shows the request is for. A virtual key does not learn which program uses it.
	purpose = "Security key of this computer"
)

// asker passes a request on to a phone.
type asker interface {
	Request(ctx context.Context, phone postern.PhoneID, r workstation.Request) ([]byte, error)
}

// key is the authenticator behind a virtual security key: it is the phone. Nothing is decided here but how long to wait.
type key struct {
	ask   asker
	phone postern.PhoneID
	limit uint64 // of a message, in bytes
	now   func() time.Time
	log   *slog.Logger
	// signedIn is told the phone's answers to getAssertion; nil: nobody.
	signedIn func(answer []byte)
	tell     func(Request) // what there is to show of the request in hand; an empty one: nothing any more

	awaiting atomic.Bool

	mu    sync.Mutex
	info  []byte // the phone's answer to getInfo, fitted to this machine
	stale bool   // something was asked since that may have changed it
}

var _ hid.Authenticator = (*key)(nil)

// AwaitingUser implements [hid.Authenticator].
func (k *key) AwaitingUser() bool { return k.awaiting.Load() }

// Handle implements [hid.Authenticator].
func (k *key) Handle(ctx context.Context, request []byte) []byte {
	if len(request) == 0 {
		return status(ctap.ErrInvalidLength)
	}
	if len(request) > channel.MaxCTAP {
		return status(ctap.ErrRequestTooLarge)
	}
	command := ctap.Command(request[0])
	if codes.Vendor(command) { // it would reach the phone's app in place of its authenticator, where no program has business
		return status(ctap.ErrInvalidCommand)
	}
	if command == ctap.GetInfo {
		return k.getInfo(ctx)
	}
	answer, err := k.forward(ctx, request, answerTime)
	if err != nil {
		o := outcomeOf(err)
		k.log.Info("the phone did not answer", "phone", k.phone, "command", command, "status", o.status, "error", err)
		k.tell(Request{Message: o.message, Next: o.next})
		return status(o.status)
	}
	k.tell(Request{})
	if command == ctap.GetAssertion && k.signedIn != nil {
		k.signedIn(answer)
	}
	if mayChangeInfo(command) {
		k.mu.Lock()
		k.stale = true
		k.mu.Unlock()
	}
	return answer
}

// forward asks the phone.
func (k *key) forward(ctx context.Context, request []byte, limit time.Duration) ([]byte, error) {
	defer k.awaiting.Store(false)
	var asked Request
	answer, err := k.ask.Request(ctx, k.phone, workstation.Request{
		CTAP: request, Program: purpose, Deadline: k.now().Add(limit),
		Asked: func(number string) {
			asked.Number = number
			if ctap.Command(request[0]) != ctap.GetInfo {
				k.tell(asked)
			}
		},
		Waiting: func(s channel.Status) {
			waits := s == channel.StatusUPNeeded
			k.awaiting.Store(waits)
			if waits != asked.Waiting {
				asked.Waiting = waits
				k.tell(asked)
			}
		},
	})
	if err == nil && (len(answer) == 0 || len(answer) > channel.MaxCTAP) {
		return status(ctap.ErrOther), nil
	}
	return answer, err
}

// learn asks the phone what it can do. It does not bother its user. A key is plugged in after it, so that hosts, which ask
// this first and at once, never wait for it.
func (k *key) learn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, infoTime)
	defer cancel()
	answer, err := k.forward(ctx, []byte{byte(ctap.GetInfo)}, infoTime)
	if err != nil {
		return err
	}
	fitted, err := fit(answer, k.limit)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.info, k.stale = fitted, false
	return nil
}

// getInfo answers what was learnt, anew where it may have changed and the phone is quick.
func (k *key) getInfo(ctx context.Context) []byte {
	k.mu.Lock()
	stale := k.stale
	k.mu.Unlock()
	if stale {
		quick, cancel := context.WithTimeout(ctx, refreshTime)
		if err := k.learn(quick); err != nil {
			k.log.Debug("the phone did not say anew what it can do", "phone", k.phone, "error", err)
		}
		cancel()
	}
	if ctx.Err() != nil {
		return status(ctap.ErrKeepaliveCancel)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]byte(nil), k.info...)
}

// fit checks a getInfo response and lowers its maxMsgSize to what reaches the key on this machine.
func fit(answer []byte, limit uint64) ([]byte, error) {
	if s := ctap.Status(answer[0]); s != ctap.OK {
		return nil, s
	}
	info, err := ctap.DecodeInfo(answer[1:])
	if err != nil {
		return nil, err
	}
	if info.MaxMsgSize == nil || *info.MaxMsgSize <= limit {
		return answer, nil
	}
	info.MaxMsgSize = &limit
	return info.Encode()
}

// mayChangeInfo tells the commands after which a key may describe itself differently: it has a PIN now, or less room.
func mayChangeInfo(c ctap.Command) bool {
	switch c {
	case ctap.GetAssertion, ctap.GetNextAssertion, ctap.Selection, ctap.GetInfo:
		return false
	}
	return true
}

func status(s ctap.Status) []byte { return []byte{byte(s)} }
