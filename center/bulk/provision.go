package bulk

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
)

// Provisioner is what asking for passkeys needs of package provision.
type Provisioner interface {
	Begin(ctx context.Context, phone postern.PhoneID) (postern.Provisioning, bool, error)
	Provisioning(ctx context.Context, id postern.ProvisioningID) (postern.Provisioning, error)
}

// Phones is what acts on phones need of package device.
type Phones interface {
	Phones(ctx context.Context, user postern.UserID) ([]postern.Phone, error)
}

// Provision is the act of [postern.BulkProvision]: it asks every phone of the user that has no passkey for one, and
// waits for their owner without holding anybody else up.
type Provision struct {
	Passkeys Provisioner
	Phones   Phones
	Now      func() time.Time
}

const (
	// silence is how long a phone is waited for. The request stays on the phone after it.
	silence = 7 * 24 * time.Hour
	// A phone is looked at after a twentieth of the time it has been silent, within these bounds, so that who answers at
	// once is seen at once, and thousands who do not cost little.
	soonest, latest = 2 * time.Second, 5 * time.Minute
)

// Do implements [Act].
func (a Provision) Do(ctx context.Context, _ postern.BulkJob, row Row) (Outcome, error) {
	if row.Made != "" {
		return a.look(ctx, row)
	}
	phones, err := a.Phones.Phones(ctx, row.UserID)
	if err != nil {
		return Outcome{}, err
	}
	var made []string
	var refused error
	active := 0
	for _, phone := range phones {
		if phone.State != postern.PhoneActive {
			continue
		}
		active++
		p, _, err := a.Passkeys.Begin(ctx, phone.ID)
		switch {
		case err == nil:
			made = append(made, string(p.ID))
		case postern.IsCode(err, postern.CodeConflict): // it has a passkey, or got one this moment
		case postern.IsCode(err, postern.CodePhoneRevoked):
			active--
		default:
			refused = err
		}
	}
	switch {
	case len(made) > 0:
		return Outcome{
			State: postern.BulkRowWaiting, Made: strings.Join(made, " "), After: soonest, Code: postern.CodePhoneWaiting,
			Message: postern.Errorf(postern.CodePhoneWaiting, "").Message, Next: postern.Errorf(postern.CodePhoneWaiting, "").Next,
		}, nil
	case refused != nil:
		return Outcome{}, refused
	case active == 0:
		e := postern.Errorf(postern.CodePhoneMissing, "")
		return skip(e.Code, e.Message, e.Next), nil
	}
	return skip(postern.CodeNothingToDo, "Every phone of the user has a passkey already.", ""), nil
}

// look sees how far the provisionings are that the row began.
func (a Provision) look(ctx context.Context, row Row) (Outcome, error) {
	var all []postern.Provisioning
	for _, id := range strings.Fields(row.Made) {
		p, err := a.Passkeys.Provisioning(ctx, postern.ProvisioningID(id))
		if err != nil {
			return Outcome{}, err
		}
		all = append(all, p)
	}
	open := slices.IndexFunc(all, func(p postern.Provisioning) bool { return !p.State.Final() })
	if open >= 0 {
		p := all[open]
		silent := a.Now().Sub(row.Begun)
		if silent >= silence {
			return Outcome{}, postern.Errorf(postern.CodePhoneSilent, "")
		}
		out := Outcome{
			State: postern.BulkRowWaiting, Code: p.Code, Message: p.Message, Next: p.Next,
			After: min(max(silent/20, soonest), latest),
		}
		if out.Code == "" {
			e := postern.Errorf(postern.CodePhoneWaiting, "")
			out.Code, out.Message, out.Next = e.Code, e.Message, e.Next
		}
		return out, nil
	}
	for _, p := range all {
		switch p.State {
		case postern.ProvisioningDeclined:
			return Outcome{}, postern.Errorf(postern.CodeProvisioningState, "The user declined on the phone. %s", p.Message).
				WithNext("Talk to the user, and try again when they agree.")
		case postern.ProvisioningCancelled:
			return Outcome{}, postern.Errorf(postern.CodeProvisioningState, "The request was cancelled.").WithNext("Try again if it was a mistake.")
		case postern.ProvisioningFailed:
			return Outcome{}, postern.Errorf(p.Code, "%s", p.Message).WithNext(p.Next)
		}
	}
	return Outcome{}, nil
}
