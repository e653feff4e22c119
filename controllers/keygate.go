package controllers

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// keyGate lets requests with one key through. Until the key is known not to be
// paused (at first, and after each pause) one request goes ahead as a probe and
// the others wait for its answer, so that a pause costs one request to find out.
type keyGate struct {
	until   time.Time
	strikes int
	proven  bool
	// probe is the session whose request goes ahead; empty when none does.
	probe types.NamespacedName
	// held wait for the probe.
	held []*place
}

// pausedUntil is when the pause ends; zero when there is none.
func (g *keyGate) pausedUntil(now time.Time) time.Time {
	if !now.Before(g.until) {
		return time.Time{}
	}
	return g.until
}

func (g *keyGate) probing() bool { return g.probe != types.NamespacedName{} }

// enter notes that a request of the session starts.
func (g *keyGate) enter(name types.NamespacedName) {
	if !g.proven {
		g.probe = name
	}
}

// leave notes that the session's request is over, or will not be made.
func (g *keyGate) leave(name types.NamespacedName) {
	if g.probe == name {
		g.probe = types.NamespacedName{}
	}
}

// answered notes what the endpoint said of the key. Answers to requests that
// were under way together with the one that began a pause do not count again.
func (g *keyGate) answered(name types.NamespacedName, now time.Time, throttled bool, told time.Duration) {
	paused := !g.pausedUntil(now).IsZero()
	switch {
	case throttled && paused:
		if until := now.Add(told); until.After(g.until) {
			g.until = until
		}
	case throttled:
		g.strikes++
		g.proven = false
		g.until = now.Add(renewal.Pause(g.strikes, told))
	case !paused && (g.proven || g.probe == name):
		g.proven = true
		g.strikes = 0
	}
}

func (g *keyGate) drop(p *place) {
	g.held = slices.DeleteFunc(g.held, func(held *place) bool { return held == p })
}
