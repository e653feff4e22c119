// Package growth holds that work grows no faster than its input. It counts allocations and
// allocated bytes: unlike time, they are the same on each machine. Work that allocates
// nothing has to be counted by the test itself.
package growth

import (
	"fmt"
	"math"
	"runtime"
	"testing"
)

// work is what one run costs.
type work struct{ allocations, bytes float64 }

const (
	// Pools are filled now and then.
	sparedAllocations = 16
	sparedBytes       = 16 << 10
	// A slice that grows is copied in jumps, so that its bytes may more than double. What grows
	// with the square becomes four times as much.
	mostBytes = 2.5
	runs      = 5
)

// AtMostDoubles fails the test if an input of twice the size makes more than twice the work.
// of prepares the work on an input of that size. The test must not be parallel.
func AtMostDoubles(t *testing.T, size int, of func(size int) (run func())) {
	t.Helper()
	once, twice := measure(of(size)), measure(of(2*size))
	if problem := excess(once, twice); problem != "" {
		t.Errorf("from size %d to %d: %s", size, 2*size, problem)
	}
}

// excess says what grew faster than the input, or "".
func excess(once, twice work) string {
	switch {
	case twice.allocations > 2*once.allocations+sparedAllocations:
		return fmt.Sprintf("%.0f allocations became %.0f", once.allocations, twice.allocations)
	case twice.bytes > mostBytes*once.bytes+sparedBytes:
		return fmt.Sprintf("%.0f allocated bytes became %.0f", once.bytes, twice.bytes)
	}
	return ""
}

// measure takes the cheapest of several runs: whatever else the process does only adds.
func measure(run func()) work {
	w := work{math.Inf(1), math.Inf(1)}
	for range runs {
		w.allocations = min(w.allocations, testing.AllocsPerRun(1, run))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run()
		runtime.ReadMemStats(&after)
		w.bytes = min(w.bytes, float64(after.TotalAlloc-before.TotalAlloc))
	}
	return w
}
