package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// fightLasts is for how long somebody else changes the generated Secret.
const fightLasts = 10 * time.Minute

// TestWhoFightsOverTheSecretCostsLittle has somebody change it again as soon as it is put right, and
// looks each moment. What that costs is counted against the waits that are documented: twice a minute
// at once, then after one second, doubling to a minute.
func TestWhoFightsOverTheSecretCostsLittle(t *testing.T) {
	t.Parallel()
	for by, change := range map[string]func(*corev1.Secret){
		"another URL":                    func(s *corev1.Secret) { s.Data["url"] = []byte("https://api.example/theirs") },
		"another label":                  func(s *corev1.Secret) { s.Labels["team"] = "theirs" },
		"a digest as of a later version": func(s *corev1.Secret) { s.Annotations["billing.xtracta.com/digest"] = "v2:theirs" },
		"nothing that is left of it":     nil,
	} {
		for _, shown := range []v1alpha1.URLInStatus{v1alpha1.URLInStatusFull, v1alpha1.URLInStatusHidden} {
			t.Run(by+"/"+string(shown), func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				s.session().Spec.ExpirationSeconds = 86400
				builders.URLInStatus(shown)(s.session())
				builders.Template(map[string]v1alpha1.LabelValue{"team": "ours"}, nil)(s.session())
				s.reconcile()
				s.endpoint.requests, s.store.made = 0, writes{}
				for ends := s.clock.Now().Add(fightLasts); s.clock.Now().Before(ends); s.clock.Step(100 * time.Millisecond) {
					s.changeUntilItStays(change)
				}
				s.expectBounds(shown)
			})
		}
	}
}

// changeUntilItStays changes the Secret until it is not put right at once.
func (s *stage) changeUntilItStays(change func(*corev1.Secret)) {
	s.t.Helper()
	for restored := true; restored; {
		switch before := s.store.secrets[acme]; {
		case before == nil: // it was deleted, and not put right
		case change == nil:
			delete(s.store.secrets, acme)
		default:
			after := before.DeepCopy()
			change(after)
			s.store.add(after)
		}
		before := s.store.made.secrets
		s.reconcile()
		restored = s.store.made.secrets > before
		if s.store.made.secrets > maxRestores() {
			s.t.Fatalf("it is put right again and again: %+v", s.store.made)
		}
	}
}

// maxRestores is how often the Secret is put right in that time at most.
func maxRestores() int {
	restores := 2
	for at, wait := time.Duration(0), time.Second; at+wait <= fightLasts; wait = min(2*wait, time.Minute) {
		at += wait
		restores++
	}
	return restores
}

func (s *stage) expectBounds(shown v1alpha1.URLInStatus) {
	s.t.Helper()
	restores, got, requests := maxRestores(), s.store.made, 0
	// The status says that somebody else changes the Secret, and that it is put right. While
	// the URL is hidden, it also says that there is none.
	most := writes{secrets: restores, statuses: 2 * restores}
	if shown == v1alpha1.URLInStatusHidden {
		most, requests = writes{secrets: restores, dryRuns: restores, statuses: 3 * restores}, restores
	}
	if got.secrets > most.secrets || got.dryRuns > most.dryRuns || got.statuses > most.statuses || s.endpoint.requests > requests {
		s.t.Errorf("%+v and %d requests, want at most %+v and %d", got, s.endpoint.requests, most, requests)
	}
	if got.secrets < restores/2 {
		s.t.Errorf("%+v: hardly anything was put right, which shows nothing", got)
	}
}
