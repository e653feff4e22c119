package chaos

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A request to the endpoint costs, so each must have a cause. Looking at a session
// from outside, a request is justified by the one before it, and by what happened
// in between:
//
//   - It is the session's first.
//   - The one before was granted, and that URL is due: its life less the margin
//     (a third of the life, at least 120 seconds, at most half; or what was
//     declared, up to 4/5) less a tenth of the life has passed.
//   - The one before failed, and the wait is over: 10 seconds, doubling with each
//     failure in a row up to 5 minutes while no URL is alive, and 10 seconds at
//     the least while one is (lives are so short here that a quarter of one is about
//     that); 1, 5, 15 minutes and then an hour after a rejection; as long as
//     told, or 30 seconds at the least, after a throttling.
//   - Somebody acted, and each act justifies one request: a new renew token, a
//     change of purge or expirationSeconds, a new key, and an edit or a deletion of
//     a generated Secret that the status could not restore. After a throttling
//     nothing but a new key does.
//   - Another process took over since, which justifies one request: the one before
//     may have asked without being able to write down what came of it.
//
// So with g grants, f failures, a such acts and t takeovers a session has at most
// 1 + g + f + a + t requests, and each has to come late enough. Besides, whatever
// the reason, there are ten seconds between two requests of one process; a
// suspended session asks for nothing; a key that is throttled is not used by any
// of its sessions; and once all has recovered, only what is due justifies a request.

const (
	floor = 10 * time.Second
	// late is how late a request may be seen here, and the one after it promptly,
	// on a busy machine. Grants and waits are kept in whole seconds besides.
	late = 2 * time.Second
	// reaction is how long something that was changed may go unnoticed.
	reaction = 90 * time.Second
)

// life is one session's story, as far as it justifies requests.
type life struct {
	requests  []request
	acts      []act
	turnovers []time.Time
	rest      time.Time
}

// unjustified is the violations in a session's life.
func (l life) unjustified() (found []violation) {
	complain := func(r request, format string, args ...any) {
		found = append(found, violation{at: r.arrived, what: fmt.Sprintf(format, args...)})
	}
	used := map[int]bool{} // acts that have justified a request
	for i, r := range l.requests {
		if r.answer == wrong {
			complain(r, "the endpoint could not understand the request")
		}
		if l.suspendedAt(r.arrived) {
			complain(r, "asked although the session is suspended")
		}
		if i == 0 || l.tookOver(l.requests[i-1].arrived, r.arrived) {
			continue
		}
		before := l.requests[i-1]
		if gap := r.arrived.Sub(before.arrived); gap < floor-late {
			complain(r, "asked twice within %s, and no other process took over", gap.Round(time.Millisecond))
			continue
		}
		why, earliest := l.earliest(i)
		if !r.arrived.Before(earliest) || l.excused(before, r, used) {
			continue
		}
		complain(r, "asked %s too early: %s, nobody acted and no other process took over",
			earliest.Sub(r.arrived).Round(time.Millisecond), why)
	}
	return found
}

func (l life) suspendedAt(at time.Time) bool {
	return slices.ContainsFunc(l.acts, func(a act) bool {
		return !a.until.IsZero() && at.After(a.at.Add(late)) && at.Before(a.until)
	})
}

// tookOver says whether another process may have sent the second of two requests.
func (l life) tookOver(first, second time.Time) bool {
	return slices.ContainsFunc(l.turnovers, func(at time.Time) bool {
		return at.After(first) && at.Before(second.Add(late))
	})
}

// excused uses up an act that justifies the request.
func (l life) excused(before, r request, used map[int]bool) bool {
	for i, a := range l.acts {
		fits := a.may == mayAskWithAnotherKey || a.may == mayAsk && before.answer != throttled
		if fits && !used[i] && a.at.Before(r.arrived) && (l.rest.IsZero() || r.arrived.Before(l.rest)) {
			used[i] = true
			return true
		}
	}
	return false
}

// earliest is when the i-th request was to come at the earliest, and why.
func (l life) earliest(i int) (string, time.Time) {
	before := l.requests[i-1]
	switch before.answer {
	case granted:
		life := before.life
		keeps := life - l.margin(before, l.requests[i]) - life/10
		return fmt.Sprintf("%s of %s were granted, and not due for %s", before.answer, life, keeps),
			before.arrived.Truncate(time.Second).Add(max(keeps, floor) - late)
	case throttled:
		return fmt.Sprintf("throttled for %s", before.told), before.arrived.Add(before.told - late)
	case rejected:
		wait := pick(rejectedWaits, l.failuresInARow(i-1))
		return fmt.Sprintf("rejected, which waits %s", wait), before.arrived.Add(wait - late)
	case failed:
		wait := floor
		if !l.aliveAt(before.arrived, i-1) {
			wait = min(floor<<min(l.failuresInARow(i-1)-1, 10), 5*time.Minute)
		}
		return fmt.Sprintf("failed, which waits %s", wait), before.arrived.Add(wait - late)
	}
	return string(before.answer), before.arrived.Add(floor - late)
}

var rejectedWaits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

func pick(waits []time.Duration, n int) time.Duration { return waits[min(n, len(waits))-1] }

// margin is the largest that was declared when it may have been looked at.
func (l life) margin(before, r request) time.Duration {
	largest := marginOf(before.life, 0)
	for _, a := range l.acts {
		switch {
		case a.renewBefore == nil || a.at.After(r.arrived):
		case a.at.Before(before.arrived.Add(-reaction)):
			largest = marginOf(before.life, *a.renewBefore)
		default:
			largest = max(largest, marginOf(before.life, *a.renewBefore))
		}
	}
	return largest
}

func marginOf(life, declared time.Duration) time.Duration {
	if declared > 0 {
		return min(declared, life*4/5)
	}
	return min(max(life/3, 2*time.Minute), life/2)
}

// aliveAt says whether a URL may have been alive that was granted before the i-th request.
func (l life) aliveAt(at time.Time, i int) bool {
	return slices.ContainsFunc(l.requests[:i], func(r request) bool {
		return (r.answer == granted || r.answer == repeated) && r.arrived.Add(r.life).After(at)
	})
}

// failuresInARow counts the failures up to the i-th request that are surely
// counted together: of one kind, without an act or a takeover between them.
func (l life) failuresInARow(i int) int {
	n := 1
	for ; i > 0; i-- {
		later, earlier := l.requests[i], l.requests[i-1]
		isFailure := earlier.answer == failed || earlier.answer == rejected || earlier.answer == throttled
		if !isFailure || (earlier.answer == rejected) != (later.answer == rejected) ||
			l.tookOver(earlier.arrived, later.arrived) || l.actedBetween(earlier.arrived, later.arrived) {
			return n
		}
		n++
	}
	return n
}

func (l life) actedBetween(first, second time.Time) bool {
	return slices.ContainsFunc(l.acts, func(a act) bool {
		return a.may != nothing && a.at.After(first.Add(-reaction)) && a.at.Before(second)
	})
}

// usedWhileThrottled is the violations of a key's pause by any of its sessions.
// After a takeover one request may find out anew that the key is paused.
func usedWhileThrottled(ofKey []request, turnovers []time.Time) (found []violation) {
	slices.SortFunc(ofKey, func(a, b request) int { return a.arrived.Compare(b.arrived) })
	l := life{turnovers: turnovers}
	for i, pause := range ofKey {
		if pause.answer != throttled {
			continue
		}
		ends := pause.arrived.Add(pause.told - late)
		for _, r := range ofKey[i+1:] {
			if l.tookOver(pause.arrived, r.arrived) {
				break
			}
			if r.arrived.After(pause.answered.Add(late)) && r.arrived.Before(ends) {
				found = append(found, violation{at: r.arrived, what: fmt.Sprintf(
					"asked %s before the pause of key %s was over", ends.Sub(r.arrived).Round(time.Millisecond), r.key)})
			}
		}
	}
	return found
}

// judgeRequests looks whether each request was justified.
func (c *chronicle) judgeRequests() {
	c.mu.Lock()
	lives, byKey, turnovers := map[int]life{}, map[string][]request{}, slices.Clone(c.turnovers)
	whose := map[time.Time]int{}
	for session, requests := range c.requests {
		requests = slices.SortedFunc(slices.Values(requests), func(a, b request) int { return a.arrived.Compare(b.arrived) })
		acts := slices.SortedFunc(slices.Values(c.acts[session]), func(a, b act) int { return a.at.Compare(b.at) })
		lives[session] = life{requests, acts, turnovers, c.rest}
		for _, r := range requests {
			byKey[r.key] = append(byKey[r.key], r)
			whose[r.arrived] = session
		}
	}
	c.mu.Unlock()
	for session, l := range lives {
		for _, v := range l.unjustified() {
			c.violatedAt(v.at, session, "%s", v.what)
		}
	}
	for _, requests := range byKey {
		for _, v := range usedWhileThrottled(requests, turnovers) {
			c.violatedAt(v.at, whose[v.at], "%s", v.what)
		}
	}
}

// start is when the rows below begin; they count in seconds from then.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

func asked(when float64, a answer) request {
	r := request{arrived: at(when), answered: at(when), answer: a}
	switch a {
	case granted:
		r.life = time.Minute
	case throttled:
		r.told = 20 * time.Second
	}
	return r
}

func TestJustificationOfRequests(t *testing.T) {
	suspended := act{at: at(5), until: at(40)}
	for _, row := range []struct {
		why  string
		life life
		want int
	}{
		{"a first request needs no cause", life{requests: []request{asked(0, granted)}}, 0},
		{"a URL of a minute is due after 24 seconds", life{requests: []request{asked(0, granted), asked(24, granted)}}, 0},
		{"before that nothing justifies a request", life{requests: []request{asked(0, granted), asked(20, granted)}}, 1},
		{"but an act does", life{
			requests: []request{asked(0, granted), asked(20, granted)}, acts: []act{{at: at(15), may: mayAsk}}}, 0},
		{"an act justifies one request only", life{
			requests: []request{asked(0, granted), asked(15, granted), asked(30, granted)}, acts: []act{{at: at(1), may: mayAsk}}}, 1},
		{"an act after the request does not", life{
			requests: []request{asked(0, granted), asked(20, granted)}, acts: []act{{at: at(21), may: mayAsk}}}, 1},
		{"most acts are no cause", life{
			requests: []request{asked(0, granted), asked(20, granted)}, acts: []act{{at: at(15)}}}, 1},
		{"at rest an old act is none", life{
			requests: []request{asked(0, granted), asked(20, granted)}, acts: []act{{at: at(15), may: mayAsk}}, rest: at(18)}, 1},
		{"a larger margin makes it due earlier", life{
			requests: []request{asked(0, granted), asked(12, granted)}, acts: []act{{at: at(5), renewBefore: new(44 * time.Second)}}}, 0},
		{"a takeover justifies a request, even at once", life{
			requests: []request{asked(0, granted), asked(1, granted)}, turnovers: []time.Time{at(0.5)}}, 0},
		{"and no more than one", life{
			requests: []request{asked(0, granted), asked(5, granted), asked(16, granted)}, turnovers: []time.Time{at(2)}}, 1},
		{"nobody asks twice within ten seconds, whatever people do", life{
			requests: []request{asked(0, granted), asked(5, granted)}, acts: []act{{at: at(1), may: mayAsk}}}, 1},
		{"a failure waits ten seconds", life{requests: []request{asked(0, failed), asked(10, granted)}}, 0},
		{"and then twenty, while no URL is alive", life{requests: []request{asked(0, failed), asked(10, failed), asked(21, failed)}}, 1},
		{"which is not needed while one is alive", life{
			requests: []request{asked(0, granted), asked(30, failed), asked(40, failed), asked(51, granted)}}, 0},
		{"a rejection waits a minute", life{requests: []request{asked(0, rejected), asked(50, rejected)}}, 1},
		{"and then five", life{requests: []request{asked(0, rejected), asked(60, rejected), asked(200, rejected)}}, 1},
		{"a throttled key waits as told", life{requests: []request{asked(0, throttled), asked(15, granted)}}, 1},
		{"which people cannot cut short", life{
			requests: []request{asked(0, throttled), asked(15, granted)}, acts: []act{{at: at(1), may: mayAsk}}}, 1},
		{"except by another key", life{
			requests: []request{asked(0, throttled), asked(15, granted)}, acts: []act{{at: at(1), may: mayAskWithAnotherKey}}}, 0},
		{"a suspended session asks for nothing", life{
			requests: []request{asked(0, granted), asked(30, granted)}, acts: []act{suspended}}, 1},
		{"until it is resumed", life{requests: []request{asked(0, granted), asked(45, granted)}, acts: []act{suspended}}, 0},
		{"a request that the endpoint cannot understand has no excuse", life{requests: []request{asked(0, wrong)}}, 1},
	} {
		t.Run(row.why, func(t *testing.T) {
			if got := row.life.unjustified(); len(got) != row.want {
				t.Errorf("%d violations, want %d: %v", len(got), row.want, got)
			}
		})
	}
}

func TestPauseOfAKeyHoldsForAllItsSessions(t *testing.T) {
	for _, row := range []struct {
		why       string
		requests  []request
		turnovers []time.Time
		want      int
	}{
		{"what is under way when the pause begins is no fault", []request{asked(0, throttled), asked(1, throttled)}, nil, 0},
		{"another session must not ask in it", []request{asked(0, throttled), asked(10, granted)}, nil, 1},
		{"it ends", []request{asked(0, throttled), asked(20, granted)}, nil, 0},
		{"a new process finds out anew", []request{asked(0, throttled), asked(10, granted)}, []time.Time{at(5)}, 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			if got := usedWhileThrottled(row.requests, row.turnovers); len(got) != row.want {
				t.Errorf("%d violations, want %d: %v", len(got), row.want, got)
			}
		})
	}
}
