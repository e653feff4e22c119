package dispatch

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// line is sessions that want one turn each.
type line struct {
	*bench
	wishes map[types.NamespacedName]wish
	flying []types.NamespacedName
}

func (l *line) come(namespace string, key KeyID, p Priority) {
	name := in(namespace, fmt.Sprint(len(l.wishes)))
	l.wishes[name] = wish{key: key, priority: p}
	if l.ask(name, key, p) {
		l.flying = append(l.flying, name)
	}
}

// serve gives n turns, one for each answer, and counts them.
func (l *line) serve(t *testing.T, n int, group func(types.NamespacedName) string) map[string]int {
	t.Helper()
	served := map[string]int{}
	for range n {
		l.answered(l.flying[0], false, 0)
		l.dispatch()
		if len(l.woken) != 1 {
			t.Fatalf("woken for one slot: %v", l.woken)
		}
		name := l.woken[0]
		l.woken = nil
		served[group(name)]++
		if !l.ask(name, l.wishes[name].key, anyPriority) {
			t.Fatalf("%s was woken and may not ask", name)
		}
		l.flying = append(l.flying[1:], name)
	}
	return served
}

func newLine(slots int, keys ...KeyID) *line {
	l := &line{bench: newBench(0, 1, slots), wishes: map[types.NamespacedName]wish{}}
	for _, key := range keys {
		l.prove(key)
	}
	return l
}

// TestSharedKeyInStepWithOthers: of two slots the shared key has one, another key the
// other. Answers take the same time, so the shared key comes free at each turn by
// need, when "crowd" has the neediest, and is held at each by fairness.
func TestSharedKeyInStepWithOthers(t *testing.T) {
	t.Parallel()
	shared, other := keyNumber(1), keyNumber(2)
	l := newLine(2, shared, other)
	deadline := l.clock.Now().Add(time.Hour)
	come := func(namespace string, key KeyID, after time.Duration) {
		l.come(namespace, key, Renewal(deadline.Add(after)))
	}
	for range 50 {
		come("crowd", shared, time.Minute)
		come("other", other, time.Hour)
		come("another", other, time.Hour)
	}
	const few = 5
	for i := range 50 {
		come(fmt.Sprint("few-", i%few), shared, 24*time.Hour)
	}
	served := l.serve(t, 80, func(name types.NamespacedName) string { return name.Namespace })
	// Of the 40 turns of the shared key, half go by need.
	if got := served["crowd"]; got < 18 {
		t.Errorf("the neediest had %d turns", got)
	}
	for i := range few {
		if got := served[fmt.Sprint("few-", i)]; got < 40/(2*(few+1)) {
			t.Errorf("a namespace of few had %d turns", got)
		}
	}
}

// TestFirstIssuesHaveTheirPartOfEachNamespacesTurns: the turns of first issues by need
// go to others, that wait for longer.
func TestFirstIssuesHaveTheirPartOfEachNamespacesTurns(t *testing.T) {
	t.Parallel()
	key := keyNumber(1)
	l := newLine(1, key)
	now := l.clock.Now()
	l.come("busy", key, anyPriority)
	for i := range 400 {
		l.come("a", key, Renewal(now.Add(time.Hour)))
		l.come("b", key, Renewal(now.Add(time.Hour)))
		l.come("a", key, FirstIssue(now.Add(time.Duration(i))))
		l.come("b", key, FirstIssue(now.Add(-time.Hour)))
	}
	served := l.serve(t, 400, func(name types.NamespacedName) string {
		kind := [...]string{firstIssue: "first issues", renewal: "renewals"}[l.wishes[name].priority.kind]
		return name.Namespace + "'s " + kind
	})
	// By need 200 turns, of which 20 are b's first issues; by fairness 100 each.
	if served["a's first issues"] != 10 || served["b's first issues"] != 30 {
		t.Errorf("served: %v", served)
	}
}

// TestWhatIsOnlyAskedForKeepsNoPlaceAmongWhatIsDue: otherwise namespaces that let a session
// wait all the time for what they only asked for would go before others that are due.
func TestWhatIsOnlyAskedForKeepsNoPlaceAmongWhatIsDue(t *testing.T) {
	t.Parallel()
	key := keyNumber(1)
	l := newLine(1, key)
	deadline := l.clock.Now().Add(time.Hour)
	l.come("busy", key, anyPriority)
	l.come("late", key, Requested(l.clock.Now()))
	for range 10 {
		l.come("crowd", key, Renewal(deadline))
	}
	l.come("few", key, Renewal(deadline.Add(time.Minute)))
	l.come("late", key, Renewal(deadline.Add(2*time.Minute)))
	served := l.serve(t, 4, func(name types.NamespacedName) string { return name.Namespace })
	if served["few"] != 1 || served["late"] != 0 {
		t.Errorf("served: %v", served)
	}
}
