package renewal_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

func TestMargin(t *testing.T) {
	for _, row := range []struct {
		why               string
		life, asked, want time.Duration
	}{
		{"the default life leaves a third of itself", 600 * s, 0, 200 * s},
		{"where a third is less than a kubelet takes, two minutes are left", 300 * s, 0, 120 * s},
		{"two minutes are just half of this life", 240 * s, 0, 120 * s},
		{"a shorter life leaves half of itself at most", 239 * s, 0, 239 * s / 2},
		{"the shortest life that can be declared", 60 * s, 0, 30 * s},
		{"the longest leaves a day", 72 * time.Hour, 0, 24 * time.Hour},
		{"a second is not overspent", s, 0, s / 2},
		{"what is asked for is given", 600 * s, 7 * s, 7 * s},
		{"also when it is more than by default", 600 * s, 400 * s, 400 * s},
		{"up to four fifths of the life", 600 * s, 480 * s, 480 * s},
		{"of the life that was granted, not that was asked for", 60 * s, 480 * s, 48 * s},
		{"a second is not overspent by it either", s, 480 * s, 800 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%s: %v before %v", row.why, row.asked, row.life), func(t *testing.T) {
			if got := renewal.Margin(row.life, row.asked); got != row.want {
				t.Errorf("margin %v, want %v", got, row.want)
			}
		})
	}
}

func lives(t *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(1, 3*24*3600).Draw(t, "life")) * s
}

func TestDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := time.Duration(rapid.IntRange(-7200, 7200).Draw(t, "offset")) * s
		g := grant(0, lives(t), serverAhead(offset))
		asked := time.Duration(rapid.IntRange(0, 3*24*3600).Draw(t, "renewBefore")) * s
		of := rapid.String().Draw(t, "uid")

		due, latest := renewal.Due(g, of, asked), g.ExpiresAt().Add(-renewal.Margin(g.Life(), asked))
		if !due.Before(g.ExpiresAt()) {
			t.Errorf("due at %v, which is not before the expiry at %v", due, g.ExpiresAt())
		}
		if due.Before(g.Issued) || due.Before(g.Issued.Add(g.Life()/10-s)) {
			t.Errorf("due %v after the issue of a life of %v", due.Sub(g.Issued), g.Life())
		}
		if due.After(latest) || due.Before(latest.Add(-g.Life()/10-s)) {
			t.Errorf("due %v before the margin, want up to a tenth of %v", latest.Sub(due), g.Life())
		}
		if due.Nanosecond() != 0 {
			t.Errorf("due at %v, want whole seconds as the status shows them", due)
		}
		reread := *g
		if again := renewal.Due(&reread, of, asked); !again.Equal(due) {
			t.Errorf("due at %v, and in the next pass at %v", due, again)
		}
		if plain := renewal.Due(grant(0, g.Life()), of, asked); !plain.Equal(due) {
			t.Errorf("due at %v, and %v by an endpoint whose clock agrees", due, plain)
		}
	})
}

// Sessions that were issued together are renewed evenly over a tenth of the life.
func TestDueIsSpreadEvenly(t *testing.T) {
	const sessions, parts = 10000, 10
	var counts [parts]int
	g := grant(0, 10000*s)
	latest := g.ExpiresAt().Add(-renewal.Margin(g.Life(), 0))
	for i := range sessions {
		early := latest.Sub(renewal.Due(g, fmt.Sprintf("%08x-0000-4000-8000-000000000000", i), 0))
		counts[min(int(early/(1000*s/parts)), parts-1)]++
	}
	for part, n := range counts {
		if n < sessions/parts*8/10 || n > sessions/parts*12/10 {
			t.Errorf("issued at %v: part %d has %d of %d sessions, want about a tenth", now, part, n, sessions)
		}
	}
}

// Each version must find the same times for what is stored: otherwise an update of the
// operator makes many sessions due at once.
func TestSpreadIsTheSameInEveryVersion(t *testing.T) {
	for _, row := range []struct {
		uid  string
		at   int64
		want time.Duration
	}{
		{"", 0, 1741282434060},
		{"3f1c9d7e", 1893456000, 722381883139},
		{"3f1c9d7e", 1893456001, 1808272580134},
		{"00000000-0000-4000-8000-000000000000", 1893456000, 1286949815549},
	} {
		if got := renewal.Spread(row.uid, time.Unix(row.at, 0), time.Hour); got != row.want {
			t.Errorf("%q at %d: %d, want %d", row.uid, row.at, got, row.want)
		}
	}
}
