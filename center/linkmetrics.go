package center

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postern/postern/link/relay"
)

// linkCounts makes metrics of what the hub counted, at the moment somebody asks. The only label is a code of the error
// catalogue.
type linkCounts struct{ counts func() relay.Counts }

func (m *metrics) observeLink(counts func() relay.Counts) {
	m.registry.MustRegister(linkCounts{counts})
}

func linkMetric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("postern_link_"+name, help, labels, nil)
}

var (
	linkSessions   = linkMetric("sessions", "Devices with a session at this replica.")
	linkAway       = linkMetric("sessions_away", "Those of them whose connection broke and who may resume.")
	linkRendezvous = linkMetric("rendezvous", "Pairings under way at this replica.")
	linkWaiting    = linkMetric("waiting_bytes", "Sealed bytes that devices have not taken yet.")
	linkForwarded  = linkMetric("forwarded_total", "Sealed messages forwarded.")
	linkBytes      = linkMetric("forwarded_bytes_total", "Sealed bytes forwarded.")
	linkResumed    = linkMetric("resumed_total", "Connections that took a session up again.")
	linkRefused    = linkMetric("refused_total", "Refusals told to devices, by code.", "code")
)

// Describe implements [prometheus.Collector].
func (linkCounts) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		linkSessions, linkAway, linkRendezvous, linkWaiting, linkForwarded, linkBytes, linkResumed, linkRefused,
	} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (l linkCounts) Collect(out chan<- prometheus.Metric) {
	c := l.counts()
	give := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	give(linkSessions, prometheus.GaugeValue, float64(c.Sessions))
	give(linkAway, prometheus.GaugeValue, float64(c.Away))
	give(linkRendezvous, prometheus.GaugeValue, float64(c.Rendezvous))
	give(linkWaiting, prometheus.GaugeValue, float64(c.WaitingBytes))
	give(linkForwarded, prometheus.CounterValue, float64(c.Forwarded))
	give(linkBytes, prometheus.CounterValue, float64(c.ForwardedBytes))
	give(linkResumed, prometheus.CounterValue, float64(c.Resumed))
	for code, n := range c.Refused {
		give(linkRefused, prometheus.CounterValue, float64(n), string(code))
	}
}
