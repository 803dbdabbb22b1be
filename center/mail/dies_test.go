package mail_test

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job/jobtest"
)

// dies is an audit trail whose process dies when something is to be recorded: after the mail server took a message and
// before that is stored.
type dies struct{}

func (dies) Record(context.Context, postern.AuditEvent) error {
	panic(jobtest.Crash{At: "the end of a message"})
}

func usualCampaign() postern.Campaign {
	return postern.Campaign{On: true, FirstDays: 2, EveryDays: 3, AtMost: 2, Invited: true, Weekdays: []string{"mon", "tue", "wed", "thu", "fri"}, FromHour: 9, UntilHour: 17, TimeZone: "Europe/Berlin"}
}
