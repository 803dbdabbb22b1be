package center

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postern/postern/center/push"
	"github.com/postern/postern/center/replica"
)

// counted makes metrics of counts that a part keeps itself, at the moment somebody asks.
type counted struct {
	metrics []countedMetric
	look    func() []float64 // one for each metric, in order
}

type countedMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string) countedMetric {
	return countedMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue}
}

// Describe implements [prometheus.Collector].
func (c counted) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
}

// Collect implements [prometheus.Collector].
func (c counted) Collect(out chan<- prometheus.Metric) {
	for n, value := range c.look() {
		out <- prometheus.MustNewConstMetric(c.metrics[n].desc, c.metrics[n].kind, value)
	}
}

func (m *metrics) observeReplicas(stats func() replica.Stats) {
	m.registry.MustRegister(counted{
		metrics: []countedMetric{
			{prometheus.NewDesc("postern_nats_connected", "1 while NATS can be reached.", nil, nil), prometheus.GaugeValue},
			counter("postern_nats_disconnects_total", "Connections to NATS that broke."),
			counter("postern_nats_reconnects_total", "Connections to NATS that were made again."),
			counter("postern_replica_messages_sent_total", "Messages between devices that a replica took."),
			counter("postern_replica_messages_nobody_total", "Messages for devices that are at no replica."),
			counter("postern_replica_messages_failed_total", "Messages that no replica is known to have taken."),
			counter("postern_replica_messages_received_total", "Messages taken from other replicas."),
			counter("postern_replica_messages_overflown_total", "Messages refused because too many waited for a device."),
			counter("postern_replica_notices_sent_total", "Notices to other replicas."),
			counter("postern_replica_notices_received_total", "Notices from other replicas."),
		},
		look: func() []float64 {
			s := stats()
			connected := 0.0
			if s.Connected {
				connected = 1
			}
			return []float64{
				connected, float64(s.Disconnects), float64(s.Reconnects), float64(s.Sent), float64(s.Nobody), float64(s.Failed),
				float64(s.Received), float64(s.Overflown), float64(s.NoticesSent), float64(s.NoticesReceived),
			}
		},
	})
}

func (m *metrics) observePush(stats func() push.Stats) {
	m.registry.MustRegister(counted{
		metrics: []countedMetric{
			counter("postern_push_sent_total", "Push messages that a push service took."),
			counter("postern_push_gone_total", "Push subscriptions that were found to be no more."),
			counter("postern_push_failed_total", "Push messages that were refused or could not be made."),
			counter("postern_push_expired_total", "Push messages that no push service took in time."),
			counter("postern_push_limited_total", "Push messages left out because one was sent a moment ago."),
			counter("postern_push_dropped_total", "Push messages left out because too many were under way."),
		},
		look: func() []float64 {
			s := stats()
			return []float64{float64(s.Sent), float64(s.Gone), float64(s.Failed), float64(s.Expired), float64(s.Limited), float64(s.Dropped)}
		},
	})
}
