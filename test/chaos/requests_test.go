//go:build long

package chaos

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

// A request to the endpoint costs, so each must have a cause. Seen from outside, a session may
// ask once to begin with, once for each grant that has become due, once after each failure,
// once for each act of people, and once for each process that took over: the one before may
// have asked without being able to write down what came of it.

const (
	// floor is between two requests of one process for a session, whatever happens.
	floor = 10 * time.Second
	// late is how much closer two requests may be seen here: the first one late, the second
	// one promptly. Grants and waits are kept in whole seconds besides.
	late = 3 * time.Second
)

// unexplained is what a session's requests, the acts of people and the takeovers do not explain.
func unexplained(requests []standin.Request, acts int, takeovers []time.Time) (problems []string) {
	early := 0
	for i, r := range requests {
		if r.Outcome == standin.Invalid {
			problems = append(problems, "the endpoint could not understand a request")
		}
		if i == 0 || anyBetween(takeovers, requests[i-1].Time, r.Time.Add(late)) {
			continue
		}
		gap := r.Time.Sub(requests[i-1].Time)
		switch {
		case gap < floor-late:
			problems = append(problems, fmt.Sprintf("asked twice within %s, and no other process took over", gap))
		case gap < dueAfter(requests[i-1])-late:
			early++
		}
	}
	if early > acts {
		problems = append(problems, fmt.Sprintf("asked %d times before renewal was due, and people gave cause for %d", early, acts))
	}
	return problems
}

func anyBetween(instants []time.Time, first, second time.Time) bool {
	return slices.ContainsFunc(instants, func(at time.Time) bool { return at.After(first) && at.Before(second) })
}

// dueAfter is how long after a request another one is due at the earliest. The default margin is
// the largest that anybody declares here.
func dueAfter(r standin.Request) time.Duration {
	if r.Outcome != standin.Granted || r.Fault != "" {
		return floor
	}
	margin := min(max(r.Life/3, 2*time.Minute), r.Life/2)
	return max(floor, r.Life-margin-r.Life/10)
}

// judgeRequests looks whether all requests are explained.
func (w *world) judgeRequests() {
	w.T.Helper()
	bySession := map[int][]standin.Request{}
	for _, r := range w.Standin.Log() {
		number := sessionAsking(r.Expire)
		bySession[number] = append(bySession[number], r)
	}
	takeovers := w.fleet.takeovers()
	for number, requests := range bySession {
		problems := unexplained(requests, w.chronicle.acts[number], takeovers)
		if !w.restBegan.IsZero() { // from then on only what is due is asked for
			atRest := slices.DeleteFunc(slices.Clone(requests), func(r standin.Request) bool { return r.Time.Before(w.restBegan) })
			problems = append(problems, unexplained(atRest, 0, nil)...)
		}
		for _, problem := range problems {
			var log string
			for _, r := range requests {
				log += fmt.Sprintf("\n    %s  %s", w.chronicle.when(r.Time), r.Summary())
			}
			w.violated(number, "%s:%s", problem, log)
		}
	}
}

func TestUnexplainedRequestsAreFound(t *testing.T) {
	began := time.Now()
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	asked := func(outcome standin.Outcome, seconds ...int) (requests []standin.Request) {
		for _, s := range seconds {
			requests = append(requests, standin.Request{Time: at(s), Outcome: outcome, Life: time.Minute})
		}
		return requests
	}
	for _, row := range []struct {
		why       string
		requests  []standin.Request
		acts      int
		takeovers []time.Time
		problems  int
	}{
		{"a URL of a minute is due after 24 seconds", asked(standin.Granted, 0, 24, 48), 0, nil, 0},
		{"before that nothing explains a request", asked(standin.Granted, 0, 20), 0, nil, 1},
		{"but what people did", asked(standin.Granted, 0, 20), 1, nil, 0},
		{"once", asked(standin.Granted, 0, 20, 35), 1, nil, 1},
		{"or another process, even at once", asked(standin.Granted, 0, 1), 0, []time.Time{at(0).Add(1)}, 0},
		{"once as well", asked(standin.Granted, 0, 1, 15), 0, []time.Time{at(0).Add(1)}, 1},
		{"a failure explains one after ten seconds", asked(standin.Faulted, 0, 10, 20), 0, nil, 0},
		{"whatever people do", asked(standin.Faulted, 0, 5), 9, nil, 1},
		{"what the endpoint cannot understand has no excuse", asked(standin.Invalid, 0), 9, nil, 1},
	} {
		if got := unexplained(row.requests, row.acts, row.takeovers); len(got) != row.problems {
			t.Errorf("%s: %q, want %d problems", row.why, got, row.problems)
		}
	}
}
