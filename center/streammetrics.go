package center

import (
	"context"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postern/postern"
)

// streamGauges are read from the database when they are asked for: what they say is true for all replicas.
type streamGauges struct {
	list          func(ctx context.Context) ([]postern.AuditStream, error)
	lag, failures *prometheus.Desc
}

// observeStreams adds how far each stream of the audit trail is behind.
func (m *metrics) observeStreams(list func(ctx context.Context) ([]postern.AuditStream, error)) {
	m.registry.MustRegister(streamGauges{
		list:     list,
		lag:      prometheus.NewDesc("postern_audit_stream_lag", "Entries of the audit trail that a stream's sink has not yet.", []string{"stream"}, nil),
		failures: prometheus.NewDesc("postern_audit_stream_failures", "Failed attempts of a stream since its last delivery.", []string{"stream"}, nil),
	})
}

// Describe implements [prometheus.Collector].
func (g streamGauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.lag
	out <- g.failures
}

// Collect implements [prometheus.Collector].
func (g streamGauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := g.list(ctx)
	if err != nil {
		return // the other metrics say how the database fares
	}
	for _, one := range all {
		out <- prometheus.MustNewConstMetric(g.lag, prometheus.GaugeValue, float64(one.Lag), one.Name)
		out <- prometheus.MustNewConstMetric(g.failures, prometheus.GaugeValue, float64(one.Failures), one.Name)
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
