package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"
)

// passes drives calls as workers do, one step of one pass at a time, and keeps its own books.
type passes struct {
	*rapid.T
	calls  *calls
	clock  *clocktesting.FakePassiveClock
	places int
	// queued are the sessions that are to have a pass.
	queued map[types.NamespacedName]bool
	// underWay are the passes that have begun and not ended.
	underWay map[types.NamespacedName]*onePass
	// hopes are the sessions that were refused a call and were not woken since.
	hopes map[types.NamespacedName]bool
}

// onePass is a pass: its call, or the worker that waits for a place, or that it was refused one.
type onePass struct {
	group   *callGroup
	call    *lease
	handed  chan *lease
	refused bool
}

func newPasses(t *rapid.T) *passes {
	p := &passes{
		T: t, clock: clocktesting.NewFakePassiveClock(time.Unix(1e9, 0)), places: rapid.IntRange(1, 2).Draw(t, "places"),
		queued: map[types.NamespacedName]bool{}, underWay: map[types.NamespacedName]*onePass{}, hopes: map[types.NamespacedName]bool{},
	}
	p.calls = newCalls(p.places, p.clock, func(session types.NamespacedName) {
		p.queued[session] = true
		delete(p.hopes, session)
	})
	for _, name := range []string{"1", "2"} {
		p.calls.mark(writesIn(name), true) // so that calls are refused from the start
	}
	return p
}

// oneOf draws one of the passes that are fit for a step.
func (p *passes) oneOf(isFit func(*onePass) bool) (types.NamespacedName, *onePass) {
	var fit []string
	for session, pass := range p.underWay {
		if isFit(pass) {
			fit = append(fit, session.Name)
		}
	}
	if len(fit) == 0 {
		p.Skip("no pass is fit")
	}
	slices.Sort(fit)
	session := named(rapid.SampledFrom(fit).Draw(p.T, "session"))
	return session, p.underWay[session]
}

func isIdle(pass *onePass) bool    { return pass.call == nil && pass.handed == nil && !pass.refused }
func isCalling(pass *onePass) bool { return pass.call != nil }
func isBlocked(pass *onePass) bool { return pass.handed != nil }
func canEnd(pass *onePass) bool    { return pass.call == nil && pass.handed == nil }

// begin begins a pass: somebody was woken, or an event came.
func (p *passes) begin(*rapid.T) {
	session := named(fmt.Sprint(rapid.IntRange(1, 5).Draw(p.T, "session")))
	if p.underWay[session] != nil {
		p.Skip("it has one")
	}
	delete(p.queued, session)
	delete(p.hopes, session)
	p.underWay[session] = &onePass{}
	p.calls.passBegins(session)
}

func (p *passes) call(*rapid.T) {
	session, pass := p.oneOf(isIdle)
	group := groupName{fmt.Sprint(rapid.IntRange(1, 3).Draw(p.T, "namespace")), callKind(rapid.IntRange(0, 1).Draw(p.T, "kind"))}
	pass.group, pass.call, pass.handed = p.calls.take(group, session)
	p.refuse(session, pass)
}

// refuse notes that a call could not begin, if that is so.
func (p *passes) refuse(session types.NamespacedName, pass *onePass) {
	if pass.call == nil && pass.handed == nil {
		pass.refused = true
		p.calls.wait(session, pass.group.name)
	}
}

func (p *passes) isHanded(*rapid.T) {
	_, pass := p.oneOf(func(pass *onePass) bool { return len(pass.handed) > 0 })
	pass.call, pass.handed = <-pass.handed, nil
}

func (p *passes) giveUp(*rapid.T) {
	session, pass := p.oneOf(isBlocked)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if rapid.Bool().Draw(p.T, "cancelled") {
		cancel()
	}
	pass.call, pass.handed = p.calls.giveUp(ctx, pass.group, pass.handed), nil
	p.refuse(session, pass)
}

func (p *passes) endCall(*rapid.T) {
	_, pass := p.oneOf(isCalling)
	p.calls.end(pass.group, pass.call, rapid.Bool().Draw(p.T, "slow"))
	pass.call = nil
}

func (p *passes) release(*rapid.T) {
	session, _ := p.oneOf(isIdle)
	p.calls.release(session)
}

func (p *passes) endPass(*rapid.T) {
	session, pass := p.oneOf(canEnd)
	delete(p.underWay, session)
	if pass.refused {
		p.hopes[session] = true
	}
	p.calls.passEnds(session)
}

func (p *passes) recover(*rapid.T) {
	for _, g := range p.calls.groups {
		for range minQuick {
			g.note(false, p.clock.Now())
		}
	}
	p.calls.passEnds(named("another")) // some pass always ends then
}

func (p *passes) tick(*rapid.T) {
	seconds := rapid.SampledFrom([]int{1, 20, 300}).Draw(p.T, "seconds")
	p.clock.SetTime(p.clock.Now().Add(time.Duration(seconds) * time.Second))
	p.calls.passEnds(named("another"))
}

// check compares calls with the books.
func (p *passes) check(*rapid.T) {
	shared := 0
	held, own := map[*callGroup]int{}, map[*callGroup]int{}
	count := func(l *lease) {
		held[l.group]++
		if l.place == sharedPlace {
			shared++
		} else {
			own[l.group]++
		}
	}
	for session, l := range p.calls.kept {
		count(l)
		if !p.queued[session] && p.underWay[session] == nil {
			p.Errorf("a place is kept for %s, which has no pass", session)
		}
	}
	for _, pass := range p.underWay {
		if pass.call != nil && !pass.call.isKept {
			count(pass.call)
		}
		if len(pass.handed) > 0 {
			l := <-pass.handed
			pass.handed <- l
			count(l)
		}
	}
	if p.calls.free < 0 || p.calls.free+shared != p.places {
		p.Errorf("%d places are free and %d taken of %d", p.calls.free, shared, p.places)
	}
	for g, n := range held {
		if p.calls.groups[g.name] != g || g.held != n || g.hasOwn != (own[g] == 1) || own[g] > 1 {
			p.Errorf("%v holds %d places, want %d; its own: %t, want %d", g.name, g.held, n, g.hasOwn, own[g])
		}
	}
	for _, g := range p.calls.groups {
		if g.wantsPlace() && (p.calls.free > 0 || !slices.Contains(p.calls.line, g)) {
			p.Errorf("%v waits while %d places are free, in a line of %d", g.name, p.calls.free, len(p.calls.line))
		}
	}
	for session := range p.hopes {
		if g := p.calls.waits[session]; g == nil || !g.waiting.waits[session] || p.calls.groups[g.name] != g {
			p.Errorf("%s is lost", session)
		}
	}
}

// finish lets all passes come to their ends.
func (p *passes) finish() {
	for len(p.underWay) > 0 || len(p.queued) > 0 {
		for session := range p.queued {
			if p.underWay[session] == nil {
				delete(p.queued, session)
				p.underWay[session] = &onePass{}
				p.calls.passBegins(session)
			}
		}
		for session, pass := range p.underWay {
			if pass.handed != nil {
				pass.call = p.calls.giveUp(context.Background(), pass.group, pass.handed)
			}
			if pass.call != nil {
				p.calls.end(pass.group, pass.call, false)
			}
			delete(p.underWay, session)
			p.calls.passEnds(session)
		}
	}
	p.clock.SetTime(p.clock.Now().Add(2 * slowFor))
	p.calls.sweep()
	c := p.calls
	if c.free != p.places || len(c.groups)+len(c.line)+len(c.kept)+len(c.waits)+len(c.wants) > 0 {
		p.Errorf("at the end %d of %d places are free; groups %v, line %v, kept %v, waits %v, wants %v",
			c.free, p.places, c.groups, c.line, c.kept, c.waits, c.wants)
	}
}

// TestNoPlaceAndNoSessionIsLost, whatever passes do and in which order: nobody waits while a place
// is free, and in the end all are.
func TestNoPlaceAndNoSessionIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := newPasses(t)
		for range 8 { // longer than by default, as little happens before the places are taken
			t.Repeat(map[string]func(*rapid.T){
				"": p.check, "begin": p.begin, "call": p.call, "is handed": p.isHanded, "give up": p.giveUp, "end call": p.endCall,
				"release": p.release, "end pass": p.endPass, "recover": p.recover, "tick": p.tick,
			})
		}
		p.finish()
	})
}
