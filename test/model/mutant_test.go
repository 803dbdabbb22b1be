package model_test

import "github.com/postern/postern/center/job"

// mutant is a control center with a defect, which the model has to find.
type mutant struct {
	name string
	wrap func(w *world, c *center)
	jobs func(kinds map[string]job.Kind)
}
