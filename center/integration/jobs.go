package integration

import "github.com/postern/postern/center/job"

// Handle registers the handlers of this package's jobs.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{}, s.Groups, s.GroupsGivenUp)
	job.Handle(r, job.Rules{}, s.DebugOff, nil)
	job.Handle(r, job.Rules{}, s.CheckGroups, s.CheckGroupsGivenUp)
	job.Handle(r, job.Rules{MaxAttempts: 3}, s.CheckAllGroups, nil)
	job.Every(r, GroupsRoundJob{}, groupsEvery)
}
