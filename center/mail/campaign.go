package mail

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const (
	campaignEvery = time.Hour
	campaignTime  = 5 * time.Minute
	campaignPage  = 200

	// endingSoon is how long before its end an invitation is reminded of, and shortLife is how long it must have been
	// valid in all: who was invited for a day needs no reminder within it.
	endingSoon = 24 * time.Hour
	shortLife  = 36 * time.Hour

	day = 24 * time.Hour
)

// CampaignJob looks who is to be reminded.
type CampaignJob struct{}

// Kind implements [job.Args].
func (CampaignJob) Kind() string { return "mail.campaign" }

// weekdays are the names of days in a campaign, those of [time.Weekday] in order.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func checkCampaign(c postern.Campaign) error {
	var wrong []error
	add := func(field, format string, args ...any) {
		wrong = append(wrong, postern.FieldErrorf(field, format, args...))
	}
	if c.FirstDays < 1 || c.FirstDays > 90 {
		add("first_days", "The first reminder can go out 1 to 90 days after the phone was paired.")
	}
	if c.EveryDays < 1 || c.EveryDays > 90 {
		add("every_days", "Between two reminders can lie 1 to 90 days.")
	}
	if c.AtMost < 1 || c.AtMost > 20 {
		add("at_most", "One user can get 1 to 20 reminders.")
	}
	if c.FromHour < 0 || c.FromHour > 23 || c.UntilHour < 1 || c.UntilHour > 24 || c.FromHour >= c.UntilHour {
		add("from_hour", "The hours of the day begin at 0 to 23 and end later, at 24 at most.")
	}
	for _, d := range c.Weekdays {
		if !slices.Contains(weekdays, d) {
			add("weekdays", "There is no day named %.10q; the days are %s.", d, strings.Join(weekdays, ", "))
			break
		}
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "" || c.TimeZone == "Local" {
		add("time_zone", "There is no time zone named %.60q.", c.TimeZone)
	}
	return errors.Join(wrong...)
}

// open reports whether a campaign may write at that time.
func open(c postern.Campaign, at time.Time) bool {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return false
	}
	at = at.In(zone)
	return (len(c.Weekdays) == 0 || slices.Contains(c.Weekdays, weekdays[at.Weekday()])) && at.Hour() >= c.FromHour && at.Hour() < c.UntilHour
}

// due reports whether a user is to be reminded now.
func due(c postern.Campaign, u Unfinished, now time.Time) bool {
	if u.Since.IsZero() || u.Since.Unix() == 0 || u.Reminders >= c.AtMost || now.Sub(u.Since) < time.Duration(c.FirstDays)*day {
		return false
	}
	return u.RemindedAt.Before(u.Since) || now.Sub(u.RemindedAt) >= time.Duration(c.EveryDays)*day
}

// Remember runs the campaigns whose hours it is. A run that is repeated writes to nobody twice: who is due follows from
// the messages that are stored.
func (s *Service) Remember(ctx context.Context, _ CampaignJob) error {
	settings, err := s.Settings(ctx)
	if err != nil || !settings.Configured() {
		return err
	}
	all, err := s.Integrations.List(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, i := range all {
		if i.State != postern.StateEnabled {
			continue
		}
		m, err := s.stored(ctx, i.ID)
		if err == nil && m.Campaign.On && open(m.Campaign, s.Now()) {
			err = s.runCampaign(ctx, i, m.Campaign)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (s *Service) runCampaign(ctx context.Context, i postern.Integration, c postern.Campaign) error {
	written := 0
	err := s.eachDue(ctx, i.ID, c, func(ctx context.Context, u postern.User, d draft) error {
		d.rank = rankBulk
		err := s.put(ctx, u, d)
		if postern.IsCode(err, postern.CodeMailAddress) {
			return nil
		}
		if err == nil {
			s.Store.AfterCommit(ctx, func() { written++ })
		}
		return err
	})
	if written == 0 {
		return err
	}
	e := postern.AuditEvent{
		Code: audit.CampaignRan.Code, Name: audit.CampaignRan.Name, IntegrationID: i.ID, Target: string(i.ID), TargetName: i.ApplicationName,
		Success: true, Message: "The reminder campaign wrote to " + strconv.Itoa(written) + " users.",
		Fields: map[string]string{"messages": strconv.Itoa(written)},
	}
	return errors.Join(err, s.Store.Atomically(ctx, func(ctx context.Context) error { return s.Audit.Record(ctx, e) }))
}

// eachDue calls do for everybody who is to be reminded now, some of them in one transaction.
func (s *Service) eachDue(ctx context.Context, id postern.IntegrationID, c postern.Campaign, do func(ctx context.Context, u postern.User, d draft) error) error {
	now := s.Now().UTC()
	for after, more := postern.UserID(""), true; more; {
		from := after
		err := s.Store.Atomically(ctx, func(ctx context.Context) error {
			some, err := s.Store.UnfinishedUsers(ctx, id, from, campaignPage)
			if err != nil {
				return err
			}
			more = len(some) == campaignPage
			for _, u := range some {
				after = u.User.ID
				if !due(c, u, now) {
					continue
				}
				if err := do(ctx, u.User, draft{kind: postern.MessageReminder}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !c.Invited {
		return nil
	}
	for q, more := (Ending{From: now, Until: now.Add(endingSoon), Life: shortLife, Limit: campaignPage}), true; more; {
		page := q
		err := s.Store.Atomically(ctx, func(ctx context.Context) error {
			some, err := s.Store.EndingInvitations(ctx, id, page)
			if err != nil {
				return err
			}
			more = len(some) == campaignPage
			for _, inv := range some {
				q.After = inv.Invitation.ID
				if err := do(ctx, inv.User, ending(inv.Invitation)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sampleSize is how many names a preview of a campaign shows.
const sampleSize = 10

// PreviewCampaign says to how many users a campaign would write if it ran now, whatever the hour. Nothing is
// sent.
func (s *Service) PreviewCampaign(ctx context.Context, id postern.IntegrationID, c postern.Campaign) (postern.CampaignPreview, error) {
	var out postern.CampaignPreview
	if _, err := s.Integrations.Get(ctx, id); err != nil {
		return out, err
	}
	if err := checkCampaign(c); err != nil {
		return out, err
	}
	err := s.eachDue(ctx, id, c, func(ctx context.Context, u postern.User, _ draft) error {
		if _, ok := addressOf(u); !ok {
			return nil
		}
		s.Store.AfterCommit(ctx, func() {
			out.Due++
			if len(out.Sample) < sampleSize {
				out.Sample = append(out.Sample, u.DisplayName)
			}
		})
		return nil
	})
	return out, err
}
