package center

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
)

// metrics are counts and durations. No label ever holds a name, an identifier or a path with one in it.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	graph    *prometheus.HistogramVec
	waits    *prometheus.CounterVec
	jobs     *prometheus.GaugeVec
	build    *prometheus.GaugeVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "postern_http_request_seconds", Help: "Requests by part of the server, method and status.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 9),
		}, []string{"part", "method", "code"}),
		graph: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "postern_entra_exchange_seconds", Help: "Calls to Entra by operation and outcome.",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
		}, []string{"operation", "outcome"}),
		waits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_entra_wait_seconds_total", Help: "Time spent waiting before calls to Entra, by reason.",
		}, []string{"operation", "reason"}),
		jobs:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "postern_jobs", Help: "Jobs by kind and state."}, []string{"kind", "state"}),
		build: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "postern_build_info", Help: "Always 1."}, []string{"version"}),
	}
	m.build.WithLabelValues(postern.Version()).Set(1)
	m.registry.MustRegister(m.requests, m.graph, m.waits, m.jobs, m.build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Exchange implements entra.Observer.
func (m *metrics) Exchange(operation, outcome string, took time.Duration) {
	m.graph.WithLabelValues(operation, outcome).Observe(took.Seconds())
}

// Wait implements entra.Observer.
func (m *metrics) Wait(operation, reason string, took time.Duration) {
	m.waits.WithLabelValues(operation, reason).Add(took.Seconds())
}

// observe times the requests to one part of the server.
func (m *metrics) observe(part string, next http.Handler) http.Handler {
	by := m.requests.MustCurryWith(prometheus.Labels{"part": part})
	return promhttp.InstrumentHandlerDuration(by, next)
}

// handler answers with everything, counting the jobs at that moment.
func (m *metrics) handler(jobs *job.Runner) http.Handler {
	inner := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
		defer cancel()
		if counts, err := jobs.Stats(ctx); err == nil {
			m.jobs.Reset()
			for _, c := range counts {
				m.jobs.WithLabelValues(c.Kind, c.State).Set(float64(c.Jobs))
			}
		}
		inner.ServeHTTP(w, r)
	})
}
