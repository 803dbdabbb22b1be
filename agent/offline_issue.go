package agent

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/workstation"
)

// phonePurpose is what the phone shows a request for codes is for.
const phonePurpose = "Signing in offline on this computer"

// maxUnheard is how often the control center may have heard nothing of a consent before the phone is asked anew.
const maxUnheard = 5

// issue goes on with a passkey wherever it was cut off, as far as it gets.
func (d *duty) issue(ctx context.Context, p workstation.Phone, j *job) error {
	key, err := d.shelf.New(p.Pairing)
	if err != nil {
		return err
	}
	for err == nil {
		switch key.Stage() {
		case "":
			if there := p.Offline.State; there == postern.OfflineActive || there == postern.OfflineRegistering || there == postern.OfflineEnding {
				return d.clear(ctx, p)
			}
			err = key.Draw(p.Offline.Settings, d.w.Now())
		case offline.Drawn:
			err = d.ask(ctx, p, key)
		case offline.Asked:
			err = d.askPhone(ctx, p, key, j)
		case offline.Taken:
			err = d.make(ctx, p, key, j)
		case offline.Made:
			err = d.tell(ctx, p, key)
		case offline.Told:
			return d.poll(ctx, p, key)
		default:
			return nil
		}
	}
	return err
}

// clear has a passkey taken away whose key material is not here any more, so that another one can be made.
func (d *duty) clear(ctx context.Context, p workstation.Phone) error {
	if p.Offline.State != postern.OfflineEnding {
		if err := d.w.EndOffline(ctx, p.Pairing); err != nil {
			return later(err)
		}
	}
	d.w.Ask()
	return &waiting{nil, pollEvery}
}

// ask asks the control center for a batch that is on its way.
func (d *duty) ask(ctx context.Context, p workstation.Phone, key *offline.Passkey) error {
	if err := key.Draw(p.Offline.Settings, d.w.Now()); err != nil { // one that was drawn long ago is drawn anew
		return err
	}
	r, err := key.Asking()
	if err != nil {
		return err
	}
	_, err = d.w.AskOffline(ctx, p.Pairing, r)
	if postern.IsCode(err, postern.CodeOfflineSeal) && key.Stage() != offline.Active {
		err = errors.Join(err, d.remove(p.Pairing)) // the next one is sealed by the TPM, if there is one by then
	}
	if err != nil {
		return later(err)
	}
	return key.Answered()
}

// askPhone brings the phone its batch.
func (d *duty) askPhone(ctx context.Context, p workstation.Phone, key *offline.Passkey, j *job) error {
	if !key.Fits(p.Offline.Settings, d.w.Now()) {
		return key.Restart() // nobody agreed for long, or the settings are others now
	}
	message, err := key.Sending()
	if err != nil {
		return err
	}
	defer clear(message)
	answer, err := d.w.Request(ctx, p.ID, workstation.Request{
		CTAP: message, Program: phonePurpose, Deadline: d.now().Add(answerTime),
		Asked: func(number string) { d.show(j, Request{Phone: p.ID, Name: p.Name, Number: number, Waiting: true}) },
	})
	d.mu.Lock()
	j.wanted = false // whoever pressed the button has had an answer
	d.mu.Unlock()
	d.show(j, Request{})
	if err != nil {
		o := outcomeOf(err)
		if o.status == ctap.ErrOperationDenied && isRefusal(err, channel.ReasonNotAllowed) {
			return d.declined(key)
		}
		pause := dutyLongest
		if o.status == ctap.ErrChannelBusy || o.status == ctap.ErrOther {
			pause = dutyFirst
		}
		return &waiting{&Problem{Code: postern.CodeUnavailable, Message: o.message, Next: o.next}, pause}
	}
	status := ctap.ErrOther
	if len(answer) > 0 {
		status = ctap.Status(answer[0])
	}
	return d.answered(key, status)
}

func isRefusal(err error, reason channel.Reason) bool {
	r, ok := asRefusal(err)
	return ok && r.Reason == reason
}

// answered takes the phone's answer.
func (d *duty) answered(key *offline.Passkey, s ctap.Status) error {
	switch s {
	case ctap.OK:
		return key.Accepted()
	case ctap.ErrOperationDenied:
		if key.Stage() == offline.Active { // a renewal asks nobody: the phone has no codes of this computer any more
			if err := key.Dropped(d.now()); err != nil {
				return err
			}
			return &waiting{&Problem{
				Code: postern.CodeOfflineState, Message: "The phone no longer has the codes for this computer, so they cannot be renewed.",
				Next: "Remove signing in offline here, then set it up again with the phone.",
			}, refusedEvery}
		}
		return d.declined(key)
	case ctap.ErrUserActionTimeout:
		return &waiting{&Problem{
			Code: postern.CodeOfflineConsent, Message: "Nobody answered on the phone whether this computer may be signed in to offline.",
			Next: "Have the phone at hand and press Set up again.",
		}, refusedEvery}
	case ctap.ErrInvalidCommand:
		return &waiting{&Problem{
			Code: postern.CodeUnavailable, Message: "The app on the phone does not know how to sign in offline.",
			Next: "Update the app, then press Set up again.",
		}, refusedEvery}
	}
	return &waiting{&Problem{
		Code: postern.CodeUnavailable, Message: "The phone could not take the codes for signing in offline.",
		Next: "Open the app on the phone and look at what it says; it is tried again by itself.",
	}, dutyLongest}
}

func (d *duty) declined(key *offline.Passkey) error {
	if err := key.Declined(d.now()); err != nil {
		return err
	}
	return &waiting{&Problem{
		Code: postern.CodeOfflineConsent, Message: "The phone's user does not want to sign in offline on this computer.",
		Next: "It is asked again tomorrow at the earliest; press Set up to ask now.",
	}, refusedEvery}
}

// make makes the passkey from the control center's options.
func (d *duty) make(ctx context.Context, p workstation.Phone, key *offline.Passkey, j *job) error {
	options, err := d.w.OfflineOptions(ctx, p.Pairing)
	if postern.IsCode(err, postern.CodeOfflineConsent) {
		d.mu.Lock()
		j.taken++
		again := j.taken > maxUnheard
		d.mu.Unlock()
		if again {
			return key.Restart()
		}
		return &waiting{problemOf(err), dutyFirst}
	}
	if postern.IsCode(err, postern.CodeOfflineState) {
		return d.poll(ctx, p, key) // it has been ended, and this tells why
	}
	if err != nil {
		return later(err)
	}
	return key.Make(ctx, options)
}

// tell tells the control center of the passkey. Where it takes none, what it says of its state decides how to go on.
func (d *duty) tell(ctx context.Context, p workstation.Phone, key *offline.Passkey) error {
	c, err := key.Credential()
	if err != nil {
		return err
	}
	answer, err := d.w.OfflineCredential(ctx, p.Pairing, c)
	if e := postern.AsError(err); err != nil && (e.Code == postern.CodeUnavailable || e.Code == postern.CodeInternal || e.Code == postern.CodeTooMany || ctx.Err() != nil) {
		return err
	}
	if err == nil {
		return d.stands(key, answer)
	}
	polled := d.poll(ctx, p, key)
	if e := key.Remake(); e != nil { // unless it is past that
		return e
	}
	if key.Stage() == offline.Taken {
		return &waiting{problemOf(err), time.Minute}
	}
	return polled
}

// poll asks how the passkey stands.
func (d *duty) poll(ctx context.Context, p workstation.Phone, key *offline.Passkey) error {
	answer, err := d.w.Offline(ctx, p.Pairing)
	if err != nil {
		return later(err)
	}
	return d.stands(key, answer)
}

// stands takes the control center's word on a passkey that was made.
func (d *duty) stands(key *offline.Passkey, a postern.OfflineAnswer) error {
	if !key.Is(a.BatchID) {
		return nil // of another one; the list of pairings will say
	}
	why := (*Problem)(nil)
	if a.Code != "" {
		why = &Problem{Code: a.Code, Message: a.Message, Next: a.Next}
	}
	switch a.State {
	case postern.OfflineActive:
		return key.Activate()
	case postern.OfflineRegistering:
		if err := key.Registering(); err != nil {
			return err
		}
		return &waiting{why, pollEvery}
	case postern.OfflineConsented:
		if err := key.Remake(); err != nil {
			return err
		}
		return &waiting{why, pollEvery}
	case postern.OfflineAsked:
		return key.Restart()
	case postern.OfflineEnding, postern.OfflineEnded:
		if err := d.remove(key.Pairing()); err != nil {
			return err
		}
		return &waiting{why, refusedEvery}
	}
	return nil
}

// renew brings the phone new codes. The old ones are good until it has them.
func (d *duty) renew(ctx context.Context, p workstation.Phone, j *job) error {
	key := d.shelf.Get(p.Pairing)
	if key == nil {
		return nil
	}
	if err := d.ask(ctx, p, key); err != nil {
		return err
	}
	if err := d.askPhone(ctx, p, key, j); err != nil {
		return err
	}
	return d.report(ctx, p, j)
}

// report tells the control center how the passkey stands.
func (d *duty) report(ctx context.Context, p workstation.Phone, j *job) error {
	key := d.shelf.Get(p.Pairing)
	if key == nil {
		return nil
	}
	r := key.Report()
	answer, err := d.w.ReportOffline(ctx, p.Pairing, r)
	if err != nil {
		return later(err)
	}
	d.mu.Lock()
	j.reported = d.now()
	d.mu.Unlock()
	if answer.State == postern.OfflineEnding || answer.State == postern.OfflineEnded {
		return d.remove(p.Pairing)
	}
	if err := key.Reported(r, answer); err != nil {
		return err
	}
	return &waiting{nil, dutyFirst} // what happens meanwhile goes into the next one
}

func (d *duty) show(j *job, q Request) {
	d.mu.Lock()
	j.asked = q
	d.mu.Unlock()
	d.changed()
}

// want has a passkey issued because somebody asked for it.
func (d *duty) want(id postern.PairingID) {
	d.mu.Lock()
	j := d.jobs[id]
	if j == nil {
		j = new(job)
		d.jobs[id] = j
	}
	j.wanted, j.hurried, j.notBefore, j.pause, j.problem = true, j.running, time.Time{}, 0, nil
	d.mu.Unlock()
	d.poke()
}

// forget takes a passkey away: at the control center, on the phone if it is there, and here.
func (d *duty) forget(ctx context.Context, p workstation.Phone) error {
	if err := d.w.EndOffline(ctx, p.Pairing); err != nil && !postern.IsCode(err, postern.CodeNotFound) && !postern.IsCode(err, postern.CodeOfflineState) {
		return err
	}
	if key := d.shelf.Get(p.Pairing); key != nil && p.Ready {
		if message := key.Forgetting(); message != nil {
			_, err := d.w.Request(ctx, p.ID, workstation.Request{CTAP: message, Program: phonePurpose, Deadline: d.now().Add(infoTime)})
			if err != nil {
				d.log.Info("the phone was not told to forget its codes; the control center tells it", "phone", p.ID, "error", err)
			}
		}
	}
	if err := d.remove(p.Pairing); err != nil {
		return err
	}
	d.w.Ask()
	return nil
}
