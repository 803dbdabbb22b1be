package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone"
)

// missing tells the user what a passkey waits for, and what they can do about it: where to sign in, and what to read to
// the help desk.
func missing(ctx context.Context, std cli.Streams, api phone.API) error {
	self, err := api.Self(ctx)
	if err != nil || self.Enrolment == nil {
		return err
	}
	s := self.Enrolment
	if slices.Contains(s.Missing, postern.ProofSignIn) {
		start, err := api.SignIn(ctx, "")
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Err, "sign in at Microsoft as %s: %s\n", cli.Clean(self.User.UPN), cli.Clean(start.URL))
	}
	if slices.Contains(s.Missing, postern.ProofApproval) {
		fmt.Fprintf(std.Err, "the help desk has to approve this phone (%d of %d); read them its fingerprint: %s\n", s.Approvals, s.Needed, cli.Clean(s.Fingerprint))
	}
	if slices.Contains(s.Missing, postern.ProofCode) {
		fmt.Fprintln(std.Err, "the phone has to be enrolled again with the code of an invitation")
	}
	if s.Mode == postern.EnrolmentMandatory {
		fmt.Fprintln(std.Err, "the organisation requires a passkey on this phone")
	}
	return nil
}
