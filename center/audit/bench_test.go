package audit_test

import "testing"

func BenchmarkRecord(b *testing.B) {
	for dialect, url := range urls {
		b.Run(dialect, func(b *testing.B) {
			l := newLog(b, open(b, url(b)))
			fill(b, l, 1)
			b.ResetTimer()
			for b.Loop() {
				if err := l.Record(b.Context(), sample(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify measures the verification of 10,000 entries.
func BenchmarkVerify(b *testing.B) {
	for dialect, url := range urls {
		b.Run(dialect, func(b *testing.B) {
			l := newLog(b, open(b, url(b)))
			fill(b, l, 10_000)
			b.ResetTimer()
			for b.Loop() {
				if v := verify(b, l); !v.OK || v.Entries != 10_000 {
					b.Fatalf("%+v", v)
				}
			}
		})
	}
}
