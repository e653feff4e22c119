package simulation

import (
	"fmt"
	"testing"
	"time"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// due are n sessions that are due at once and expire at once.
func due(n int, kind string, at, expires int) (sessions []Session) {
	for i := range n {
		s := Session{Name: fmt.Sprintf("%s-%d", kind, i), Due: after(at), Since: after(-1000 + i)}
		if expires > 0 {
			s.Expires = after(expires)
		}
		sessions = append(sessions, s)
	}
	return sessions
}

func TestExpiredIsWhatNoOrderCouldSave(t *testing.T) {
	for _, row := range []struct {
		name     string
		sessions []Session
		endpoint Endpoint
		expired  int
	}{
		{"as many as fit", due(100, "a", 0, 10), Endpoint{PerSecond: 10, Burst: 1}, 0},
		{"one too many", due(101, "a", 0, 10), Endpoint{PerSecond: 10, Burst: 1}, 1},
		{"a burst helps once", due(110, "a", 0, 10), Endpoint{PerSecond: 10, Burst: 11}, 0},
		{"what expires later waits", append(due(100, "late", 0, 100), due(100, "soon", 0, 10)...), Endpoint{PerSecond: 10, Burst: 1}, 0},
		{"the end of an outage is too late for some", due(100, "a", 0, 10), Endpoint{PerSecond: 10, Burst: 1, DownFrom: after(2), DownUntil: after(5)}, 31},
		{"turns in an outage spend the burst", due(110, "a", 0, 10), Endpoint{PerSecond: 10, Burst: 11, DownFrom: after(2), DownUntil: after(5)}, 31},
		{"an outage that nobody notices", due(100, "a", 20, 30), Endpoint{PerSecond: 10, Burst: 1, DownFrom: after(2), DownUntil: after(5)}, 0},
		{"one turn in ten is for those that have none", append(due(100, "a", 0, 10), due(50, "none", 0, 0)...), Endpoint{PerSecond: 10, Burst: 1}, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.endpoint.Start = start
			result := Run(row.sessions, row.endpoint)
			if result.Expired != row.expired {
				t.Errorf("%d expired, want %d", result.Expired, row.expired)
			}
			if len(result.Served) != len(row.sessions) {
				t.Errorf("%d of %d had a turn", len(result.Served), len(row.sessions))
			}
		})
	}
}

func TestThoseWithoutGoOldestFirst(t *testing.T) {
	sessions := append(due(900, "a", 0, 1000), due(100, "none", 0, 0)...)
	served := Run(sessions, Endpoint{Start: start, PerSecond: 10, Burst: 1}).Served
	for i := range 100 {
		if got, want := served[fmt.Sprintf("none-%d", i)], after(i).Add(900*time.Millisecond); !got.Equal(want) {
			t.Fatalf("none-%d had its turn at %s, want %s", i, got.Sub(start), want.Sub(start))
		}
	}
}
