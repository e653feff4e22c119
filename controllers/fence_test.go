package controllers

import (
	"maps"
	"testing"
	"time"
)

// TestFence has an object written in version 5 a while ago, and a cache that shows some version.
func TestFence(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, row := range []struct {
		why      string
		shown    string
		ago      time.Duration
		isBehind bool
		live     bool
	}{
		{"the cache shows it", "5", 0, false, false},
		{"or what came after it", "6", 0, false, false},
		{"it has not come yet", "4", 0, true, false},
		{"watches may lag for seconds", "4", maxCacheLag - 1, true, false},
		{"but not for ever", "4", maxCacheLag, false, true},
		{"nor does the clock that was set back hold it up", "4", -time.Hour, false, true},
		{"what is new is not there yet", "", 0, true, false},
		{"or was deleted", "", maxAbsence, false, true},
	} {
		var f fence
		f.wrote("5", now.Add(-row.ago))
		if live, err := f.check(row.shown, now); (err != nil) != row.isBehind || live != row.live {
			t.Errorf("%s: read live %t, error %v", row.why, live, err)
		}
		if live, err := f.check("4", now); (live || err != nil) != (row.isBehind || row.live) {
			t.Errorf("%s: once it was shown, nothing is waited for", row.why)
		}
	}
}

// TestNothingIsDecidedOnACacheThatIsBehind our own last write. Whatever it shows, the URL that was
// just issued is neither asked for again nor taken for gone.
func TestNothingIsDecidedOnACacheThatIsBehind(t *testing.T) {
	for what, stale := range map[string]func(*memoryStore) *memoryStore{
		"the Secret": func(live *memoryStore) *memoryStore {
			return &memoryStore{sessions: live.sessions, secrets: maps.Clone(live.secrets)}
		},
		"the status": func(live *memoryStore) *memoryStore {
			return &memoryStore{sessions: maps.Clone(live.sessions), secrets: live.secrets}
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStage(t)
			s.r.reader.cached = stale(s.store)
			s.reconcile()
			written := s.store.made
			for until := s.clock.Now().Add(2 * maxCacheLag); s.clock.Now().Before(until); { // in between it is read live
				again := s.reconcile().RequeueAfter
				if again == 0 {
					t.Fatal("it does not look again")
				}
				s.clock.Step(min(again, cacheRetry))
			}
			if s.endpoint.requests != 1 || s.store.made != written {
				t.Errorf("%d requests, writes %+v became %+v", s.endpoint.requests, written, s.store.made)
			}
		})
	}
}
