package renewal_test

import (
	"testing"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// BenchmarkDecide is what one decision costs.
func BenchmarkDecide(b *testing.B) {
	for _, row := range []struct {
		name string
		held *renewal.Grant
		want renewal.Step
	}{
		{"at rest", fresh(), renewal.Wait},
		{"due", due(), renewal.Ask},
	} {
		b.Run(row.name, func(b *testing.B) {
			f := rest(holds(row.held))
			b.ReportAllocs()
			for b.Loop() {
				if plan := renewal.Decide(f); plan.Step != row.want {
					b.Fatalf("step %d, want %d", plan.Step, row.want)
				}
			}
		})
	}
}
