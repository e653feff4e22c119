package renewal_test

import (
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// created is a session's age.
func created(ago time.Duration) fact {
	return func(f *renewal.Facts) { f.Created = now.Add(-ago).Truncate(time.Second) }
}

func TestAURLIsWantedSince(t *testing.T) {
	t.Parallel()
	dueAt, diedAt := renewal.Due(due(), uid, 0), dead().ExpiresAt()
	// Times of creation are whole seconds, of which the last one counts.
	createdAt := now.Add(-20 * time.Second).Truncate(time.Second).Add(time.Second)
	for _, row := range []struct {
		why   string
		facts renewal.Facts
		want  time.Time // zero if nothing tells
	}{
		{"the creation, before the first URL", rest(empty, created(20*time.Second)), createdAt},
		{"the renewal time", rest(holds(due())), dueAt},
		{"the expiry, when it was not renewed in time", rest(holds(dead())), diedAt},
		{"the expiry, though only the status remembers it", rest(empty, shows(dead())), diedAt},
		{"the creation: a Secret that outlived its session is not its wait", rest(holds(dead()), created(20*time.Second)), createdAt},
		{"the endpoint's failures count", rest(holds(dead()), failed(v1alpha1.OutcomeUnavailable, time.Minute)), diedAt},
		{"pauses of a key as well", rest(holds(dead()), paused(time.Minute)), diedAt},
		{"an API server that fails as well", rest(holds(dead()), writeFailed(time.Second)), diedAt},
		{"nothing tells when inputs changed", rest(holds(fresh(older))), time.Time{}},
		{"nothing tells when it was requested", rest(token("a")), time.Time{}},
		{"nothing tells when the URL was lost", rest(secret(renewal.SecretAbsent), hidden), time.Time{}},
		{"at rest none is wanted", rest(), time.Time{}},
	} {
		got, ok := row.facts.WantedSince(renewal.Decide(row.facts))
		if !got.Equal(row.want) || ok == row.want.IsZero() {
			t.Errorf("%s: %s, %t, want %s", row.why, got, ok, row.want)
		}
	}
}

func TestMarginLeft(t *testing.T) {
	t.Parallel()
	life := grant(0, 10*time.Minute) // its margin is 200 seconds
	expires := life.ExpiresAt()
	for _, row := range []struct {
		why   string
		facts renewal.Facts
		at    time.Time
		want  float64
		ok    bool
	}{
		{"in time", renewal.Facts{InSecret: life}, expires.Add(-200 * time.Second), 1, true},
		{"halfway to the expiry", renewal.Facts{InSecret: life}, expires.Add(-100 * time.Second), .5, true},
		{"when it had expired", renewal.Facts{InSecret: life}, expires.Add(time.Hour), 0, true},
		{"as the status remembers it", renewal.Facts{InStatus: life}, expires.Add(-100 * time.Second), .5, true},
		{"a margin that the user chose", renewal.Facts{InSecret: life, RenewBefore: 50 * time.Second}, expires.Add(-50 * time.Second), 1, true},
		{"a first URL renews none", renewal.Facts{}, expires, 0, false},
		{"a grant without a life has none", renewal.Facts{InSecret: grant(0, 0)}, expires, 0, false},
	} {
		if got, ok := row.facts.MarginLeft(row.at); got != row.want || ok != row.ok {
			t.Errorf("%s: %v, %v, want %v, %v", row.why, got, ok, row.want, row.ok)
		}
	}
}
