package integration

import (
	"context"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

// groupNames are the names of the three groups. A group is found by its id once it exists; the name only serves people.
var groupNames = map[postern.Phase]string{
	postern.PhaseEligible: "Postern Group (Eligible for Pairing)",
	postern.PhasePaired:   "Postern Group (Client Paired with Postern)",
	postern.PhaseActive:   "Postern Group (Client Paired with Azure)",
}

// groupPhases fixes the order.
var groupPhases = []postern.Phase{postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive}

// groupSettles bounds how long a group that was perhaps made may take to show up by its description before it is made
// again: a crash between making it and storing its id leaves exactly that doubt.
const groupSettles = 2 * time.Minute

func keepsGroups(i postern.Integration) bool { return i.PermissionSet != postern.PermissionsPasskeys }

func wantedGroups(_ postern.Integration) []postern.PhaseGroup {
	groups := make([]postern.PhaseGroup, len(groupPhases))
	for n, phase := range groupPhases {
		groups[n] = postern.PhaseGroup{Phase: phase, Name: groupNames[phase]}
	}
	return groups
}

// GroupsJob makes sure that the three groups exist.
type GroupsJob struct {
	Integration postern.IntegrationID `json:"integration"`
}

// Kind implements [job.Args].
func (GroupsJob) Kind() string { return "integration.groups" }

// GroupKeeper is what keeping the groups needs of the connector.
type GroupKeeper interface {
	GroupByID(ctx context.Context, id string) (entra.Group, error)
	FindGroups(ctx context.Context, displayName string) ([]entra.Group, error)
	CreateGroup(ctx context.Context, g entra.NewGroup) (entra.Group, error)
}

// Groups handles [GroupsJob].
func (s *Service) Groups(ctx context.Context, args GroupsJob) error {
	tenant, i, err := s.Tenant(ctx, args.Integration)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.keepGroups(ctx, tenant, i)
}

// keepGroups finds or makes one group after the other and stores each id at once. Before a group is made, the try is
// noted, so that a repeat looks for it by its description first and waits for replication instead of making a second.
func (s *Service) keepGroups(ctx context.Context, tenant GroupKeeper, i postern.Integration) error {
	made := false
	for n := range i.Groups {
		g := &i.Groups[n]
		if g.ID != "" {
			continue
		}
		mark := groupMark(i.ID, g.Phase)
		found, err := findMarked(ctx, tenant, g.Name, mark)
		if err != nil {
			return err
		}
		if found.ID != "" {
			// A list may still have a group that was deleted a moment ago, or have one before it is there everywhere.
			if _, err := tenant.GroupByID(ctx, found.ID); err != nil {
				if postern.IsCode(err, postern.CodeEntraNotFound) {
					return job.Snooze(10 * time.Second)
				}
				return err
			}
		} else {
			tried, err := s.groupTried(ctx, i.ID, g.Phase)
			if err != nil {
				return err
			}
			if !tried.IsZero() && s.Now().Sub(tried) < groupSettles {
				return job.Snooze(10 * time.Second)
			}
			if err := s.noteGroupTry(ctx, i.ID, g.Phase); err != nil {
				return err
			}
			if found, err = tenant.CreateGroup(ctx, entra.NewGroup{
				DisplayName:  g.Name,
				Description:  "Kept by Postern for the integration " + i.ApplicationName + ". Members follow the phase of each user; do not edit. " + mark,
				MailNickname: "postern-" + string(g.Phase) + "-" + string(i.ID)[len(i.ID)-8:],
			}); err != nil {
				return err
			}
		}
		g.ID, g.Name, g.Problem, g.Next = found.ID, found.DisplayName, "", ""
		made = true
		if err := s.Store.NoteGroup(ctx, i.ID, *g); err != nil {
			return err
		}
	}
	if !made {
		return nil
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		return s.Audit.Record(ctx, event(audit.GroupsReady, i, "The three groups exist in the tenant.", nil))
	})
}

// GroupsGivenUp is called when no attempt at the groups is left.
func (s *Service) GroupsGivenUp(ctx context.Context, args GroupsJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Store.Integration(ctx, args.Integration)
		if postern.IsCode(err, postern.CodeNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, g := range i.Groups {
			if g.ID != "" {
				continue
			}
			g.Problem = e.Message
			if err := s.Store.NoteGroup(ctx, i.ID, g); err != nil {
				return err
			}
		}
		failed := event(audit.GroupsFailed, i, e.Message, nil)
		failed.Success, failed.ErrorCode = false, e.Code
		return s.Audit.Record(ctx, failed)
	})
}

// groupMark stands in a group's description, so that ours can be told from one that merely has the same name.
func groupMark(id postern.IntegrationID, phase postern.Phase) string {
	return "[" + string(id) + "/" + string(phase) + "]"
}

func findMarked(ctx context.Context, tenant GroupKeeper, name, mark string) (entra.Group, error) {
	groups, err := tenant.FindGroups(ctx, name)
	if err != nil {
		return entra.Group{}, err
	}
	for _, g := range groups {
		if strings.Contains(g.Description, mark) {
			return g, nil
		}
	}
	return entra.Group{}, nil
}

func groupTrySetting(id postern.IntegrationID, phase postern.Phase) string {
	return "integration/" + string(id) + "/group_try/" + string(phase)
}

func (s *Service) groupTried(ctx context.Context, id postern.IntegrationID, phase postern.Phase) (time.Time, error) {
	value, err := s.Store.Setting(ctx, groupTrySetting(id, phase))
	if err != nil || value == nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, string(value))
}

func (s *Service) noteGroupTry(ctx context.Context, id postern.IntegrationID, phase postern.Phase) error {
	return s.Store.SetSetting(ctx, groupTrySetting(id, phase), []byte(s.Now().UTC().Format(time.RFC3339Nano)))
}
