package app_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/phone/app"
)

// TestProblemOf: whatever went wrong, people are told it in sentences with a next step, and nothing that was not written for
// them.
func TestProblemOf(t *testing.T) {
	for want, err := range map[postern.Code]error{
		postern.CodeInternal:            errors.New("sealed record 7f3a: bad key material"),
		app.CodeRequestOver:             context.DeadlineExceeded,
		postern.CodeIntegrationDisabled: postern.Errorf(postern.CodeIntegrationDisabled, "").Because(errors.New("key material")),
	} {
		p := app.ProblemOf(err)
		if p.Code != want || p.Message == "" || p.Next == "" || strings.Contains(p.Message+p.Next, "key material") {
			t.Errorf("%v: %+v", err, p)
		}
	}
}
