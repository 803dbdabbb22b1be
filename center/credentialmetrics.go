package center

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postern/postern"
)

// credentialEnds makes a metric of when credentials end, at the moment somebody asks. The label is an identifier, of which
// there is one for each integration; nothing else tells an alarm which of them it is about.
type credentialEnds struct {
	list func(ctx context.Context) ([]postern.Integration, error)
	now  func() time.Time
}

func (m *metrics) observeCredentials(list func(ctx context.Context) ([]postern.Integration, error), now func() time.Time) {
	m.registry.MustRegister(credentialEnds{list, now})
}

var credentialEnd = prometheus.NewDesc("postern_entra_credential_end_seconds",
	"Seconds until the credential of an integration ends, negative once it has; absent where nobody knows.", []string{"integration", "kind"}, nil)

// Describe implements [prometheus.Collector].
func (credentialEnds) Describe(out chan<- *prometheus.Desc) { out <- credentialEnd }

// Collect implements [prometheus.Collector].
func (c credentialEnds) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	all, err := c.list(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(credentialEnd, err)
		return
	}
	for _, i := range all {
		if ends := i.Credential.EndOf(); ends != nil {
			out <- prometheus.MustNewConstMetric(credentialEnd, prometheus.GaugeValue, ends.Sub(c.now()).Seconds(), string(i.ID), string(i.Credential.Kind))
		}
	}
}
