package integration

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

// groupsEvery is how often the groups of every integration are looked at.
const groupsEvery = time.Hour

// GroupLooker is what looking at the groups needs of the connector.
type GroupLooker interface {
	GroupByID(ctx context.Context, id string) (entra.Group, error)
	CountMembers(ctx context.Context, id string) (int, error)
}

// GroupsRoundJob has the groups of every integration looked at.
type GroupsRoundJob struct{}

// Kind implements [job.Args].
func (GroupsRoundJob) Kind() string { return "integration.groups_round" }

// GroupsCheckJob looks at the groups of one integration.
type GroupsCheckJob struct {
	Integration postern.IntegrationID `json:"integration"`
}

// Kind implements [job.Args].
func (GroupsCheckJob) Kind() string { return "integration.groups_check" }

// CheckAllGroups handles [GroupsRoundJob].
func (s *Service) CheckAllGroups(ctx context.Context, _ GroupsRoundJob) error {
	all, err := s.Store.Integrations(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if len(i.Groups) == 0 {
			continue
		}
		if err := s.Queue.Enqueue(ctx, GroupsCheckJob{i.ID}, job.Bulk()); err != nil {
			return err
		}
	}
	return nil
}

// CheckGroups handles [GroupsCheckJob].
func (s *Service) CheckGroups(ctx context.Context, args GroupsCheckJob) error {
	_, err := s.MendGroups(ctx, args.Integration)
	switch {
	case postern.IsCode(err, postern.CodeNotFound):
		return nil
	case err != nil && postern.AsError(err).After > 0:
		return job.Snooze(postern.AsError(err).After)
	}
	return err
}

// CheckGroupsGivenUp is called when no attempt at looking is left. The next round looks again.
func (s *Service) CheckGroupsGivenUp(ctx context.Context, args GroupsCheckJob, cause error) error {
	return s.GroupsGivenUp(ctx, GroupsJob(args), cause)
}

// MendGroups looks at the three groups by their ids and says what is not as it was left. A new name is kept. A group that
// was deleted is made again, and everybody of its phase is moved into it again. What only a person can set right, a group
// whose members follow a rule or come from on premises, stands with the group as its problem until it is over. A group
// of somebody else that merely has the same name is never looked at.
func (s *Service) MendGroups(ctx context.Context, id postern.IntegrationID) ([]postern.GroupFinding, error) {
	tenant, i, err := s.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.mendGroups(ctx, tenant, i)
}

func (s *Service) mendGroups(ctx context.Context, tenant GroupLooker, i postern.Integration) ([]postern.GroupFinding, error) {
	findings := []postern.GroupFinding{}
	for _, g := range i.Groups {
		found, err := s.lookAtGroup(ctx, tenant, i, g)
		if err != nil {
			return findings, err
		}
		if found != nil {
			findings = append(findings, *found)
		}
	}
	return findings, nil
}

// lookAtGroup looks at one group. The finding is nil when the group is as it was left.
func (s *Service) lookAtGroup(ctx context.Context, tenant GroupLooker, i postern.Integration, g postern.PhaseGroup) (*postern.GroupFinding, error) {
	if g.ID == "" {
		return finding(g, postern.GroupMissing, "The group was not made yet. It is being made.", ""), s.remake(ctx, i, g)
	}
	group, err := tenant.GroupByID(ctx, g.ID)
	if postern.IsCode(err, postern.CodeEntraNotFound) {
		tried, err := s.groupTried(ctx, i.ID, g.Phase)
		if err != nil {
			return nil, err
		}
		if s.Now().Sub(tried) < groupSettles {
			return nil, nil // a group of a moment ago is not shown everywhere yet
		}
		return s.groupDeleted(ctx, i, g)
	}
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC()
	was := g
	g.LookedAt = &now
	if n, err := tenant.CountMembers(ctx, g.ID); err == nil {
		g.Members = &n
	} else if !postern.IsCode(err, postern.CodeEntraPermission) {
		return nil, err
	}
	g.Name, g.Problem, g.Next = group.DisplayName, "", ""
	var found *postern.GroupFinding
	switch {
	case group.Dynamic:
		g.Problem = "Somebody made the group dynamic: its members follow a rule, and nobody else can change them."
		g.Next = "In the Entra admin center, open the group's properties and set the membership type back to Assigned."
		found = finding(g, postern.GroupDynamic, g.Problem, g.Next)
	case group.Synced:
		g.Problem = "The group is mastered on premises, so Entra does not let its members be changed."
		g.Next = "Take the group out of the synchronisation, or delete it at Entra: Postern then makes another."
		found = finding(g, postern.GroupSynced, g.Problem, g.Next)
	case was.Problem != "":
		found = finding(g, postern.GroupRestored, "What stood in the way of the group is over. Everybody of its phase is put into it again.", "")
	case was.Name != g.Name:
		found = finding(g, postern.GroupRenamed, "Somebody renamed the group from "+was.Name+". The new name is kept.", "")
	}
	return found, s.noteLook(ctx, i, was, g, found)
}

// noteLook stores what a look found. What was told before is not told again.
func (s *Service) noteLook(ctx context.Context, i postern.Integration, was, g postern.PhaseGroup, found *postern.GroupFinding) error {
	return s.ifStill(ctx, i, was, func(ctx context.Context) error {
		if err := s.Store.NoteGroup(ctx, i.ID, g); err != nil {
			return err
		}
		if found != nil && found.Kind == postern.GroupRestored {
			if err := s.moveAgain(ctx, i, g.Phase); err != nil {
				return err
			}
		}
		if found == nil || was.Problem == g.Problem && was.Name == g.Name {
			return nil
		}
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(i.ID)) })
		return s.Audit.Record(ctx, groupEvent(i, *found, nil))
	})
}

// groupDeleted forgets a group that is gone and has another made, into which everybody is moved.
func (s *Service) groupDeleted(ctx context.Context, i postern.Integration, g postern.PhaseGroup) (*postern.GroupFinding, error) {
	found := finding(g, postern.GroupDeleted, "Somebody deleted the group. It is made again, and everybody of its phase is put into it.", "")
	was := g
	g.ID, g.Problem, g.Next, g.Members, g.LookedAt = "", "", "", nil, nil
	return found, s.ifStill(ctx, i, was, func(ctx context.Context) error {
		if err := s.Store.NoteGroup(ctx, i.ID, g); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, GroupsJob{i.ID}); err != nil {
			return err
		}
		users, err := s.Store.ForgetGroup(ctx, i.ID, g.Phase)
		if err != nil {
			return err
		}
		if err := s.follow(ctx, i.ID); err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(i.ID)) })
		return s.Audit.Record(ctx, groupEvent(i, *found, map[string]string{"users": strconv.Itoa(users)}))
	})
}

// remake has a group made that was given up, or is being made.
func (s *Service) remake(ctx context.Context, i postern.Integration, g postern.PhaseGroup) error {
	return s.ifStill(ctx, i, g, func(ctx context.Context) error {
		if g.Problem != "" {
			g.Problem, g.Next = "", ""
			if err := s.Store.NoteGroup(ctx, i.ID, g); err != nil {
				return err
			}
			s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(i.ID)) })
		}
		if err := s.Queue.Enqueue(ctx, GroupsJob{i.ID}); err != nil {
			return err
		}
		return s.follow(ctx, i.ID)
	})
}

// ifStill runs do in a transaction if the group of the phase is still the one that was looked at.
func (s *Service) ifStill(ctx context.Context, i postern.Integration, was postern.PhaseGroup, do func(ctx context.Context) error) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		now, err := s.Store.Integration(ctx, i.ID)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(now.Groups, func(g postern.PhaseGroup) bool { return g.Phase == was.Phase && g.ID == was.ID }) {
			return nil
		}
		return do(ctx)
	})
}

// moveAgain has everybody of a phase put into its group again.
func (s *Service) moveAgain(ctx context.Context, i postern.Integration, phase postern.Phase) error {
	if _, err := s.Store.ForgetGroup(ctx, i.ID, phase); err != nil {
		return err
	}
	return s.follow(ctx, i.ID)
}

func (s *Service) follow(ctx context.Context, id postern.IntegrationID) error {
	if s.Follow == nil {
		return nil
	}
	return s.Follow(ctx, id)
}

func finding(g postern.PhaseGroup, kind postern.GroupFindingKind, message, next string) *postern.GroupFinding {
	return &postern.GroupFinding{
		Phase: g.Phase, GroupID: g.ID, Name: g.Name, Kind: kind, Message: message, Next: next,
		Mended: kind != postern.GroupDynamic && kind != postern.GroupSynced,
	}
}

func groupEvent(i postern.Integration, f postern.GroupFinding, fields map[string]string) postern.AuditEvent {
	if fields == nil {
		fields = make(map[string]string)
	}
	fields["group"], fields["phase"], fields["found"] = f.GroupID, string(f.Phase), string(f.Kind)
	e := event(audit.GroupMended, i, f.Name+": "+f.Message, fields)
	if !f.Mended {
		e.Code, e.Name = audit.GroupStuck.Code, audit.GroupStuck.Name
		e.Success, e.ErrorCode = false, postern.CodeConflict
	}
	return e
}
