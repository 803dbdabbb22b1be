package agent

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/workstation"
)

func TestOutcomes(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want ctap.Status
	}{
		"refused":               {&workstation.Refusal{Reason: channel.ReasonNotAllowed}, ctap.ErrOperationDenied},
		"a reason of tomorrow":  {&workstation.Refusal{Reason: 99}, ctap.ErrOperationDenied},
		"busy":                  {&workstation.Refusal{Reason: channel.ReasonBusy}, ctap.ErrChannelBusy},
		"late":                  {fmt.Errorf("asked: %w", &workstation.Refusal{Reason: channel.ReasonLate}), ctap.ErrUserActionTimeout},
		"clock":                 {&workstation.Refusal{Reason: channel.ReasonClock}, ctap.ErrOther},
		"cancelled":             {&workstation.Refusal{Reason: channel.ReasonCancelled}, ctap.ErrKeepaliveCancel},
		"the host gave up":      {fmt.Errorf("asked: %w", context.Canceled), ctap.ErrKeepaliveCancel},
		"the deadline":          {context.DeadlineExceeded, ctap.ErrUserActionTimeout},
		"the session ended":     {channel.ErrGoodbye, ctap.ErrOther},
		"the phone is gone":     {postern.Errorf(postern.CodeLinkPeerGone, ""), ctap.ErrOther},
		"the phone is slow":     {postern.Errorf(postern.CodeLinkPeerSlow, ""), ctap.ErrChannelBusy},
		"DISABLED":              {postern.Errorf(postern.CodeIntegrationDisabled, ""), ctap.ErrOperationDenied},
		"suspended":             {postern.Errorf(postern.CodeUserSuspended, ""), ctap.ErrOperationDenied},
		"domain":                {postern.Errorf(postern.CodeDomainRefused, ""), ctap.ErrOperationDenied},
		"unpaired":              {postern.Errorf(postern.CodeNotPaired, ""), ctap.ErrOperationDenied},
		"the relay is far away": {postern.Errorf(postern.CodeUnavailable, ""), ctap.ErrOther},
		"something else":        {errors.New("x"), ctap.ErrOther},
	} {
		got := outcomeOf(tc.err)
		if got.status != tc.want || got.message == "" || got.next == "" && got.status != ctap.ErrKeepaliveCancel {
			t.Errorf("%s: %+v, want %v", name, got, tc.want)
		}
	}
}

// TestWants walks through what may be of a phone.
func TestWants(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	plugged := func(ago time.Duration) *slot { return &slot{stop: func() {}, lastReady: now.Add(-ago)} }
	notice := &postern.PhoneNotice{Code: postern.CodeIntegrationDisabled}
	up := workstation.Status{Connected: true}
	for name, tc := range map[string]struct {
		s     workstation.Status
		p     workstation.Phone
		place *slot
		want  bool
	}{
		"ready":                 {up, workstation.Phone{Ready: true, Presence: relay.Present}, &slot{}, true},
		"present, no session":   {up, workstation.Phone{Presence: relay.Present}, &slot{}, false},
		"session is renewed":    {up, workstation.Phone{Presence: relay.Present}, plugged(time.Second), true},
		"away":                  {up, workstation.Phone{Presence: relay.Away}, plugged(59 * time.Second), true},
		"away for too long":     {up, workstation.Phone{Presence: relay.Away}, plugged(time.Minute), false},
		"gone":                  {up, workstation.Phone{Presence: relay.Gone}, plugged(time.Second), false},
		"our connection broke":  {workstation.Status{}, workstation.Phone{Presence: relay.Gone}, plugged(time.Second), true},
		"and does not return":   {workstation.Status{}, workstation.Phone{Presence: relay.Gone}, plugged(time.Minute), false},
		"DISABLED":              {workstation.Status{Connected: true, Notice: notice}, workstation.Phone{Ready: true}, plugged(0), false},
		"the phone's notice":    {up, workstation.Phone{Ready: true, Notice: notice}, plugged(0), false},
		"suspended":             {up, workstation.Phone{Ready: true, Phase: postern.PhaseSuspended}, plugged(0), false},
		"revoked":               {up, workstation.Phone{Ready: true, Phase: postern.PhaseRevoked}, plugged(0), false},
		"workstation revoked":   {workstation.Status{Connected: true, Problem: postern.Errorf(postern.CodeWorkstationRevoked, "")}, workstation.Phone{Ready: true}, plugged(0), false},
		"center out of reach":   {workstation.Status{Connected: true, Problem: postern.Errorf(postern.CodeUnavailable, "")}, workstation.Phone{Ready: true}, plugged(0), true},
		"not yet with Entra":    {up, workstation.Phone{Ready: true, Phase: postern.PhasePaired, Incomplete: true}, &slot{}, true},
		"away and not plugged":  {up, workstation.Phone{Presence: relay.Away}, &slot{lastReady: now}, false},
		"offline, not plugged":  {workstation.Status{}, workstation.Phone{Presence: relay.Present}, &slot{lastReady: now}, false},
		"gone beside a problem": {workstation.Status{Connected: true, Problem: postern.Errorf(postern.CodeUnavailable, "")}, workstation.Phone{Presence: relay.Gone}, plugged(0), false},
	} {
		got, until := wantsPhone(tc.s, tc.p, tc.place, now)
		if got != tc.want || got && !tc.p.Ready && !until.After(now) {
			t.Errorf("%s: %v until %v", name, got, until)
		}
	}
}

func TestIdentity(t *testing.T) {
	a := identity(workstation.Phone{Pairing: "a", Name: " Alex's\x1b (very) " + string(make([]byte, 90)) + "long phone name that goes on and on and on"})
	b := identity(workstation.Phone{Pairing: "b"})
	if a.Serial == b.Serial || len(a.Serial) != 16 || a.Name != "Security Key (Alex's very long phone name that goes o…)" || b.Name != "Security Key" {
		t.Errorf("%+v, %+v", a, b)
	}
}
