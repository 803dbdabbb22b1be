package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/link"
)

// desk is where requests of workstations are answered, by the rules of package ceremony.
type desk struct {
	store authenticator.Store
	who   answerer
	out   io.Writer
	used  func(credentialID []byte, made bool)
	link  *link.Link
	codes *codeKeeper

	mu       sync.Mutex
	notice   *postern.PhoneNotice // why no workstation may use this phone now
	names    map[postern.WorkstationID]string
	seats    map[postern.WorkstationID]*seat
	patience map[postern.WorkstationID]*ceremony.Patience
	owner    uint64 // session whose ceremony an approval was given for; 0: none
	until    time.Time
}

// seat is the authenticator of one session.
type seat struct {
	session       uint64
	authenticator *authenticator.Authenticator
	holder        *holder
}

func newDesk(store authenticator.Store, who answerer, out io.Writer, used func(credentialID []byte, made bool)) *desk {
	return &desk{
		store: store, who: who, out: out, used: used,
		seats: map[postern.WorkstationID]*seat{}, patience: map[postern.WorkstationID]*ceremony.Patience{},
	}
}

// learn takes what the control center told.
func (d *desk) learn(self postern.PhoneSelf) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notice, d.names = self.Notice, names(self)
}

func (d *desk) name(id postern.WorkstationID) (name string, paired bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name, paired = d.names[id]
	return name, paired
}

// linkChanged forgets what belonged to sessions that are over, and tells how the link stands.
func (d *desk) linkChanged() link.Status {
	status := d.link.Status()
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, s := range d.seats {
		if status.Sessions[id] == s.session {
			continue
		}
		delete(d.seats, id)
		if d.owner == s.session {
			d.owner = 0
		}
	}
	return status
}

// handle answers a request of a workstation. It is called for one at a time.
func (d *desk) handle(ctx context.Context, r *link.Request) (answer link.Answer) {
	defer func() {
		if recover() != nil {
			answer = link.Answer{CTAP: []byte{byte(ctap.ErrOther)}}
		}
	}()
	if ceremony.Vendor(r.CTAP) {
		return d.vendor(ctx, r)
	}
	if refusal := ceremony.Refused(r.CTAP); refusal != nil {
		return link.Answer{CTAP: refusal}
	}
	s, reason := d.sit(r)
	if reason != 0 {
		return link.Answer{Reason: reason}
	}
	s.holder.request = r
	response := s.authenticator.Handle(ctx, r.CTAP)
	d.served(r, response)
	return link.Answer{CTAP: response}
}

// sit finds the authenticator for a request, or why there is none for it.
func (d *desk) sit(r *link.Request) (*seat, channel.Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.notice != nil:
		return nil, channel.ReasonNotAllowed
	case d.owner != 0 && d.owner != r.Session && time.Now().Before(d.until):
		return nil, channel.ReasonBusy
	}
	if s := d.seats[r.Workstation]; s != nil && s.session == r.Session {
		return s, 0
	}
	h := &holder{d: d}
	made, err := ceremony.NewAuthenticator(d.store, h, rand.Reader, time.Now)
	if err != nil {
		return nil, channel.ReasonLocked
	}
	s := &seat{session: r.Session, authenticator: made, holder: h}
	d.seats[r.Workstation] = s
	return s, 0
}

// served frees the phone for other workstations once the ceremony is over that an approval was given for.
func (d *desk) served(r *link.Request, response []byte) {
	d.mu.Lock()
	if d.owner == r.Session {
		if ceremony.Over(r.CTAP, response) {
			d.owner = 0
		} else {
			d.until = time.Now().Add(ceremony.AfterToken)
		}
	}
	d.mu.Unlock()
	if id, made := ceremony.Used(r.CTAP, response); id != nil {
		d.used(id, made)
	}
}

// holder is whoever holds the phone, as the authenticator of one session asks.
type holder struct {
	d       *desk
	request *link.Request // the one in hand
}

var _ ceremony.User = (*holder)(nil)

// Verification implements [authenticator.User].
func (h *holder) Verification() authenticator.Verification { return authenticator.VerificationReady }

// Present implements [authenticator.User].
func (h *holder) Present(ctx context.Context, p authenticator.Prompt) error {
	return h.d.bother(ctx, h.request, question(p), ceremony.Begins(p.Reason))
}

// bother asks whoever holds the phone. A yes that begins a ceremony keeps the phone for its session until that is over.
func (d *desk) bother(ctx context.Context, r *link.Request, question string, begins bool) error {
	d.mu.Lock()
	if d.patience[r.Workstation] == nil {
		d.patience[r.Workstation] = ceremony.NewPatience()
	}
	patience := d.patience[r.Workstation]
	may := patience.Take(time.Now())
	d.mu.Unlock()
	if !may {
		return authenticator.ErrDenied
	}
	r.Waiting(true)
	defer r.Waiting(false)
	fmt.Fprintln(d.out, d.asks(r))
	err := d.who.ask(ctx, question)
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), link.ErrLate) {
		return context.Canceled // and not held against the workstation
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if patience.Answered(err == nil, now) {
		fmt.Fprintln(d.out, "It has asked several times in a row for what was not accepted, and is not listened to for five minutes.")
	}
	if err == nil && begins {
		d.owner, d.until = r.Session, r.Deadline.Add(ceremony.AfterToken)
	}
	return err
}

// Verify implements [authenticator.User]. It takes whoever answers for the user.
func (h *holder) Verify(ctx context.Context, p authenticator.Prompt) error { return h.Present(ctx, p) }

// Choose implements [authenticator.Chooser].
func (h *holder) Choose(ctx context.Context, p authenticator.Prompt) (int, error) {
	h.request.Waiting(true)
	defer h.request.Waiting(false)
	return h.d.who.choose(ctx, p)
}

// asks says who asks, and which digits tell this request from others. The program is the workstation's word.
func (d *desk) asks(r *link.Request) string {
	name, _ := d.name(r.Workstation)
	text := cli.Clean(name) + " asks"
	if r.Program != "" {
		text += fmt.Sprintf(" for %q", cli.Clean(r.Program))
	}
	return text + ", and shows the digits " + r.Number + "."
}
