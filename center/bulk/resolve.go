package bulk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/postern/postern"
)

const maxValidMinutes = 43200

// gathered is an input with its users found as far as Postern's own books tell.
type gathered struct {
	source     string
	rows       []Row
	duplicates int
}

// gather reads whom an input means. Entra is asked for nothing but the members of a group.
func (s *Service) gather(ctx context.Context, id postern.IntegrationID, in postern.BulkInput) (gathered, error) {
	known, err := s.known(ctx, id)
	if err != nil {
		return gathered{}, err
	}
	entries, source, err := s.entries(ctx, id, in, known)
	if err != nil {
		return gathered{}, err
	}
	if len(entries) > postern.MaxBulkRows {
		return gathered{}, postern.Errorf(postern.CodeTooLarge, "These are %d users; a job takes %d at most.", len(entries), postern.MaxBulkRows).
			WithNext("Start several jobs with fewer users each.")
	}
	g := gathered{source: source}
	seen := make(map[string]int, len(entries))
	for _, e := range entries {
		row := Row{BulkRow: postern.BulkRow{Given: e.given, ValidMinutes: e.validMinutes, UPN: e.upn}, ObjectID: e.objectID}
		same := strings.ToLower(e.given)
		if e.objectID != "" {
			same = strings.ToLower(e.objectID)
		}
		u, ok := known.find(e)
		if ok {
			row.UserID, row.UPN, row.ObjectID = u.ID, u.UPN, u.ObjectID
			same = string(u.ID)
		}
		if first, twice := seen[same]; twice {
			g.duplicates++
			g.rows[first].Times = max(g.rows[first].Times, 1) + 1
			continue
		}
		seen[same] = len(g.rows)
		row.Number = len(g.rows) + 1
		row.State = postern.BulkRowPending
		if why := refusal(in.Kind, u, ok); why != nil {
			row.State, row.Code, row.Message, row.Next = postern.BulkRowSkipped, why.Code, why.Message, why.Next
		}
		g.rows = append(g.rows, row)
	}
	return g, nil
}

// entries reads the one way in which the input names its users.
func (s *Service) entries(ctx context.Context, id postern.IntegrationID, in postern.BulkInput, known *book) ([]entry, string, error) {
	ways := 0
	for _, given := range []bool{len(in.Users) > 0, in.CSV != "", in.GroupID != "", in.Phase != ""} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, "", postern.FieldErrorf("users", "A job needs its users named in one way: a list, a CSV file, a group or a phase.").
			WithNext("Give exactly one of users, csv, group_id and phase.")
	}
	switch {
	case in.CSV != "":
		entries, err := parseCSV(in.CSV)
		return entries, "a CSV file", err
	case in.GroupID != "":
		return s.members(ctx, id, in.GroupID)
	case in.Phase != "":
		var entries []entry
		for _, u := range known.all {
			if u.Phase == in.Phase || u.Phase == "" && in.Phase == postern.PhaseNone {
				entries = append(entries, entry{given: u.UPN, objectID: u.ObjectID, upn: u.UPN})
			}
		}
		if len(entries) == 0 {
			return nil, "", postern.FieldErrorf("phase", "Nobody is in this phase.").WithNext("Choose another phase.")
		}
		return entries, "everybody in phase " + string(in.Phase), nil
	}
	entries := make([]entry, 0, len(in.Users))
	for n, given := range in.Users {
		given = strings.TrimSpace(given)
		if given == "" {
			return nil, "", postern.FieldErrorf("users", "User %d of the list is empty.", n+1)
		}
		if err := checkName(given); err != nil {
			return nil, "", postern.FieldErrorf("users", "User %d of the list: %s.", n+1, err)
		}
		entries = append(entries, entry{given: given})
	}
	return entries, "a list", nil
}

func (s *Service) members(ctx context.Context, id postern.IntegrationID, group string) ([]entry, string, error) {
	members, err := s.Tenants.GroupMembers(ctx, id, group, postern.MaxBulkRows+1)
	if err != nil {
		return nil, "", postern.AsError(err).OnField("group_id")
	}
	if len(members) == 0 {
		return nil, "", postern.FieldErrorf("group_id", "The group has no users as direct members.").
			WithNext("Choose a group that has users itself; groups within it are not looked into.")
	}
	entries := make([]entry, 0, len(members))
	for _, m := range members {
		e := entry{given: m.UPN, objectID: m.ObjectID, upn: m.UPN}
		if e.given == "" {
			e.given = m.ObjectID
		}
		entries = append(entries, e)
	}
	return entries, "the group " + group, nil
}

// book is everybody of an integration whom Postern knows.
type book struct {
	all      []KnownUser
	byName   map[string]int
	byObject map[string]int
}

const bookPage = 1000

func (s *Service) known(ctx context.Context, id postern.IntegrationID) (*book, error) {
	b := &book{byName: make(map[string]int), byObject: make(map[string]int)}
	for after := postern.UserID(""); ; {
		page, err := s.Store.BulkUsers(ctx, id, after, bookPage)
		if err != nil {
			return nil, err
		}
		for _, u := range page {
			b.byName[strings.ToLower(u.UPN)] = len(b.all)
			b.byObject[strings.ToLower(u.ObjectID)] = len(b.all)
			b.all = append(b.all, u)
			after = u.ID
		}
		if len(page) < bookPage {
			return b, nil
		}
	}
}

// find looks a user up by object id, else by what the input calls them, which may be either of both names or ours.
func (b *book) find(e entry) (KnownUser, bool) {
	if e.objectID != "" {
		n, ok := b.byObject[strings.ToLower(e.objectID)]
		if !ok {
			return KnownUser{}, false
		}
		return b.all[n], true
	}
	name := strings.ToLower(e.given)
	n, ok := b.byObject[name]
	if !ok {
		n, ok = b.byName[name]
	}
	if !ok {
		return KnownUser{}, false
	}
	return b.all[n], true
}

// refusal says why a kind has nothing to do for a user, as far as their phase tells; nil when it has.
func refusal(k postern.BulkKind, u KnownUser, known bool) *postern.Error {
	if !known {
		if k == postern.BulkInvite {
			return nil // Entra is asked when their turn comes
		}
		return postern.Errorf(postern.CodeUserUnknown, "")
	}
	switch k {
	case postern.BulkInvite:
		switch {
		case u.Guest:
			return postern.Errorf(postern.CodeGuestUser, "")
		case u.Account == postern.AccountDisabled, u.Account == postern.AccountDeleted:
			return postern.Errorf(postern.CodeAccountDisabled, "")
		case u.Phase == postern.PhaseSuspended:
			return postern.Errorf(postern.CodeUserSuspended, "")
		}
	case postern.BulkProvision, postern.BulkRevokePhones:
		if u.Phase == "" || u.Phase == postern.PhaseEligible || u.Phase == postern.PhaseRevoked {
			return postern.Errorf(postern.CodePhoneMissing, "")
		}
		if u.Phase == postern.PhaseSuspended && k == postern.BulkProvision {
			return postern.Errorf(postern.CodeUserSuspended, "")
		}
	case postern.BulkRemind:
		if u.Phase != postern.PhaseEligible && u.Phase != postern.PhasePaired {
			return postern.Errorf(postern.CodeNothingToDo, "There is nothing to remind the user of.")
		}
	case postern.BulkSuspend:
		if u.Phase == postern.PhaseSuspended {
			return postern.Errorf(postern.CodeNothingToDo, "The user is suspended already.")
		}
	case postern.BulkResume:
		if u.Phase != postern.PhaseSuspended {
			return postern.Errorf(postern.CodeNothingToDo, "The user is not suspended.")
		}
	case postern.BulkRevokeUser:
		if u.Phase == postern.PhaseRevoked {
			return postern.Errorf(postern.CodeNothingToDo, "Everything was taken away from the user already.")
		}
	}
	return nil
}

// digest names a job by what it would do, so that pressing a button twice does not do it twice.
func digest(in postern.BulkInput, rows []Row) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %q %q\n", in.Kind, in.ValidMinutes, in.Mail, in.Note)
	for _, r := range rows {
		fmt.Fprintf(h, "%q %q %d\n", r.Given, r.UserID, r.ValidMinutes)
	}
	return hex.EncodeToString(h.Sum(nil))
}
