package job_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/postern/postern/center/job"
)

// BenchmarkEnqueueToRun measures from before the transaction that enqueues until the handler runs.
func BenchmarkEnqueueToRun(b *testing.B) {
	for dialect, url := range urls {
		b.Run(dialect, func(b *testing.B) {
			s := open(b, url(b))
			ran := make(chan struct{})
			var registry job.Registry
			job.Handle(&registry, job.Rules{}, func(context.Context, note) error { ran <- struct{}{}; return nil }, nil)
			r := newRunner(b, s, &registry)
			start(b, r)
			if err := r.Enqueue(b.Context(), note{"warm"}); err != nil {
				b.Fatal(err)
			}
			<-ran
			took := make([]time.Duration, 0, 1000)
			for b.Loop() {
				args := note{strconv.Itoa(len(took))}
				began := time.Now()
				err := s.Atomically(b.Context(), func(ctx context.Context) error { return r.Enqueue(ctx, args) })
				if err != nil {
					b.Fatal(err)
				}
				<-ran
				took = append(took, time.Since(began))
				b.StopTimer()
				time.Sleep(20 * time.Millisecond) // so that the queue is idle again
				b.StartTimer()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
