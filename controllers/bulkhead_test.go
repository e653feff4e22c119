package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"
)

// TestWhoLooksInVainKeepsItsPosition: an event came before it was called.
func TestWhoLooksInVainKeepsItsPosition(t *testing.T) {
	t.Parallel()
	b, called := testBulkhead(2)
	first := b.enter(inFinance("first"), false)
	for _, name := range []string{"parked", "next", "parked"} {
		b.enter(inFinance(name), false)
	}
	first.leave()
	expectCalled(t, called, "parked")
	b.enter(inFinance("parked"), false).leave()
	expectCalled(t, called, "next")
	b.enter(inFinance("next"), false).leave()
	expectCalled(t, called)
}

// TestWhoHasATurnEnters without a place, but needs one to write what it was granted. It then goes
// before those that have nothing to write yet.
func TestWhoHasATurnEnters(t *testing.T) {
	t.Parallel()
	b, called := testBulkhead(2)
	first := b.enter(inFinance("first"), false)
	b.enter(inFinance("parked"), false)
	asks := b.enter(inFinance("asks"), true)
	if asks == nil {
		t.Fatal("its turn passes unused")
	}
	if asks.takePlace() {
		t.Error("it goes on without a place")
	}
	asks.leave()
	expectCalled(t, called)
	first.leave()
	expectCalled(t, called, "asks")
}

// TestASlowEndpointIsNoHang of the namespace.
func TestASlowEndpointIsNoHang(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		asked, wrote time.Duration
		hangs        bool
	}{{0, minHang - 1, false}, {30 * time.Second, minHang - 1, false}, {0, minHang, true}, {30 * time.Second, minHang, true}} {
		b, _ := testBulkhead(8)
		clock := b.clock.(*clocktesting.FakeClock)
		p := b.enter(inFinance("acme"), false)
		clock.Step(row.asked)
		p.spent(row.asked)
		clock.Step(row.wrote)
		p.leave()
		for minute := range 3 {
			if _, hangs := b.hung.Get("finance"); hangs != (row.hangs && minute < 2) {
				t.Errorf("%v: it hangs after %d minutes: %t", row, minute, hangs)
			}
			clock.Step(time.Minute)
		}
	}
}

func testBulkhead(places int) (*bulkhead, *[]string) {
	called := &[]string{}
	return newBulkhead(places, clocktesting.NewFakeClock(time.Now()), func(session types.NamespacedName) {
		*called = append(*called, session.Name)
	}), called
}

func expectCalled(t *testing.T, called *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*called, want) {
		t.Errorf("%q are called, want %q", *called, want)
	}
	*called = nil
}

// TestNoPlaceAndNoSessionIsLost, whatever passes do and in which order: nobody is parked while
// there is room, and in the end all places are free and nothing is remembered.
func TestNoPlaceAndNoSessionIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &passes{T: t, underWay: map[types.NamespacedName]*permit{}, parked: map[types.NamespacedName]bool{}, called: map[types.NamespacedName]bool{}}
		places := rapid.IntRange(1, 8).Draw(t, "places")
		p.clock = clocktesting.NewFakeClock(time.Unix(1e9, 0))
		p.bulkhead = newBulkhead(places, p.clock, p.call)
		t.Repeat(map[string]func(*rapid.T){
			"":      p.expectNobodyWaitsInVain,
			"begin": p.begin, "ask": p.ask, "leave": p.leave,
			"time passes": p.pass,
		})
		for len(p.underWay)+len(p.called) > 0 {
			for session := range p.called {
				p.enter(session, false)
			}
			for session := range p.underWay {
				p.end(session)
			}
		}
		b := p.bulkhead
		if b.free != places || len(p.parked)+len(b.compartments)+len(b.parked)+len(b.line)+len(b.called) > 0 {
			t.Errorf("%d of %d places are free, %v wait, and there is left %+v", b.free, places, p.parked, b)
		}
	})
}

// passes drives a bulkhead as workers do, and keeps its own books.
type passes struct {
	*rapid.T
	bulkhead *bulkhead
	clock    *clocktesting.FakeClock
	underWay map[types.NamespacedName]*permit
	// parked are the sessions that may not begin, or not go on, and were not called since.
	parked, called map[types.NamespacedName]bool
	// isStale tells that time has passed since a pass ended. A namespace that hung may have room
	// again, but nobody is called before the next pass ends.
	isStale bool
}

func (p *passes) call(session types.NamespacedName) {
	if !p.parked[session] {
		p.Errorf("%s is called, and does not wait", session)
	}
	delete(p.parked, session)
	p.called[session] = true
}

// begin begins a pass, if that session has none: it was called, or an event came.
func (p *passes) begin(*rapid.T) {
	session := types.NamespacedName{
		Namespace: fmt.Sprint(rapid.IntRange(1, 3).Draw(p.T, "namespace")), Name: fmt.Sprint(rapid.IntRange(1, 4).Draw(p.T, "session")),
	}
	if p.underWay[session] == nil {
		p.enter(session, rapid.Bool().Draw(p.T, "has a turn"))
	}
}

func (p *passes) enter(session types.NamespacedName, hasTurn bool) {
	permit := p.bulkhead.enter(session, hasTurn)
	if permit == nil {
		if hasTurn || p.called[session] {
			p.Errorf("%s may not enter", session)
		}
		p.parked[session] = true
		return
	}
	delete(p.called, session)
	delete(p.parked, session)
	p.underWay[session] = permit
}

// oneOf draws one of the passes that are under way.
func (p *passes) oneOf() types.NamespacedName {
	var sessions []types.NamespacedName
	for session := range p.underWay {
		sessions = append(sessions, session)
	}
	if len(sessions) == 0 {
		p.Skip("no pass is under way")
	}
	slices.SortFunc(sessions, func(a, b types.NamespacedName) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	return rapid.SampledFrom(sessions).Draw(p.T, "session")
}

func (p *passes) ask(*rapid.T) {
	session := p.oneOf()
	if !p.underWay[session].takePlace() {
		p.parked[session] = true
		p.end(session)
	}
}

func (p *passes) leave(*rapid.T) { p.end(p.oneOf()) }

func (p *passes) pass(*rapid.T) {
	p.clock.Step(rapid.SampledFrom([]time.Duration{time.Millisecond, minHang, hungFor}).Draw(p.T, "time"))
	p.isStale = true
}

func (p *passes) end(session types.NamespacedName) {
	permit := p.underWay[session]
	delete(p.underWay, session)
	permit.leave()
	p.isStale = false
}

func (p *passes) expectNobodyWaitsInVain(*rapid.T) {
	for session := range p.parked {
		if !p.isStale && p.bulkhead.hasRoom(p.bulkhead.compartments[session.Namespace]) {
			p.Errorf("%s waits though there is room", session)
		}
	}
}
