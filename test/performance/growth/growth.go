// Package growth holds that work grows no faster than its input. It counts allocated bytes: unlike
// time, they are the same on each machine. Work that allocates nothing has to be counted by the test
// itself.
package growth

import (
	"runtime"
	"testing"
)

const (
	// Pools are filled now and then.
	spared = 16 << 10
	// A slice that grows is copied in jumps, so that its bytes may more than double. What grows
	// with the square becomes four times as much.
	most = 2.5
	runs = 5
)

// AtMostDoubles fails the test if an input of twice the size makes more than twice the work, or a
// little more. of prepares the work on an input of that size. The test must not be parallel.
func AtMostDoubles(t *testing.T, size int, of func(size int) (run func())) {
	t.Helper()
	once, twice := allocated(of(size)), allocated(of(2*size))
	if float64(twice) > most*float64(once)+spared {
		t.Errorf("from size %d to %d, %d allocated bytes became %d", size, 2*size, once, twice)
	}
}

// allocated takes the cheapest of several runs: whatever else the process does only adds.
func allocated(run func()) (least uint64) {
	for i := range runs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run()
		runtime.ReadMemStats(&after)
		if bytes := after.TotalAlloc - before.TotalAlloc; i == 0 || bytes < least {
			least = bytes
		}
	}
	return least
}
