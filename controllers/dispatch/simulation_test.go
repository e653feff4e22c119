// One goroutine at a time runs in the simulation, which takes half an hour with the race detector, and
// would show it nothing.

//go:build !race

package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

const (
	floor         = 10 * time.Second       // between two requests for one session
	minUsefulLife = 100 * time.Millisecond // that a request can still save
)

// simulated is a session as the dispatcher sees it: when it is due, and what its
// requests take and give.
type simulated struct {
	name    types.NamespacedName
	group   string
	key     KeyID
	life    time.Duration
	margin  time.Duration
	latency time.Duration
	rejects bool // each request is answered no, and its inputs change all the time
	asks    time.Duration
	after   time.Duration // of the simulation it is created

	expires, attempt, due, created time.Time
	turn                           *Turn
}

// simulation is a dispatcher and its sessions, on a clock that does not wait.
type simulation struct {
	dispatcher *Dispatcher
	start      time.Time

	mu       sync.Mutex
	sessions map[types.NamespacedName]*simulated
	random   *rand.Rand
	outcome  map[string]*outcome
}

// outcome is what became of a group of sessions.
type outcome struct {
	renewals, expired, issues int
	leastLeft                 time.Duration
	slowestIssue              time.Duration
	notIssued                 int
}

func (o *outcome) String() string {
	return fmt.Sprintf("%d issued (the slowest after %s), %d never; %d renewed with %s or more left, %d too late",
		o.issues, o.slowestIssue.Round(100*time.Millisecond), o.notIssued, o.renewals, o.leastLeft.Round(100*time.Millisecond), o.expired)
}

// simulate lets the sessions that are added live for so long.
func simulate(t *testing.T, lasts time.Duration, add func(s *simulation)) (outcomes map[string]*outcome) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{
			start: time.Now(), random: rand.New(rand.NewPCG(1, 2)),
			sessions: map[types.NamespacedName]*simulated{}, outcome: map[string]*outcome{},
		}
		s.dispatcher = New(Options{Clock: clock.RealClock{}, QPS: qps, Burst: 20, Slots: 16, Wake: s.look})
		s.mu.Lock()
		add(s)
		s.mu.Unlock()
		ctx, stop := context.WithTimeout(t.Context(), lasts)
		defer stop()
		_ = s.dispatcher.Start(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, session := range s.sessions {
			if session.expires.IsZero() {
				s.outcome[session.group].notIssued++
			}
		}
		outcomes = s.outcome
	})
	return outcomes
}

// add creates n sessions that differ only in their keys and names.
func (s *simulation) add(n int, template simulated, namespace func(i int) string) {
	if s.outcome[template.group] == nil {
		s.outcome[template.group] = &outcome{leastLeft: 1 << 62}
	}
	for i := range n {
		session := template
		session.name = in(namespace(i), fmt.Sprintf("%s-%d", template.group, i))
		if session.key == (KeyID{}) {
			session.key = keyNumber(len(s.sessions) + 1000)
		}
		session.created = s.start.Add(template.after)
		s.sessions[session.name] = &session
		s.lookAt(&session, session.created)
	}
}

// lookAt lets a pass over the session be made at that time.
func (s *simulation) lookAt(session *simulated, at time.Time) {
	time.AfterFunc(time.Until(at), func() { s.look(session.name) })
}

// look is a pass over a session.
func (s *simulation) look(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, now := s.sessions[name], time.Now()
	p, wants := session.wants(now)
	if session.turn != nil || !wants {
		return
	}
	turn, ok := s.dispatcher.TryAcquire(name, session.key, p)
	if !ok {
		return
	}
	session.turn = turn
	session.attempt = now
	time.AfterFunc(session.latency, func() { s.answer(session) })
}

// wants returns what the session waits for.
func (session *simulated) wants(now time.Time) (Priority, bool) {
	if now.Before(session.attempt.Add(floor)) && !session.attempt.IsZero() {
		return Priority{}, false
	}
	deadline := session.expires.Add(-minUsefulLife)
	if !now.Before(deadline) {
		since := session.created
		for _, at := range []time.Time{session.attempt, session.expires} {
			if at.After(since) {
				since = at
			}
		}
		return FirstIssue(since), true
	}
	if !now.Before(session.due) {
		return Renewal(deadline), true
	}
	return Requested(now), session.asks > 0
}

func (s *simulation) answer(session *simulated) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, outcome := time.Now(), s.outcome[session.group]
	session.turn.Release(false, 0)
	session.turn = nil
	if session.rejects {
		s.lookAt(session, session.attempt.Add(floor))
		return
	}
	switch left := session.expires.Sub(now); {
	case session.expires.IsZero():
		outcome.issues++
		outcome.slowestIssue = max(outcome.slowestIssue, now.Sub(session.created))
	case left <= 0:
		outcome.expired++
	default:
		outcome.renewals++
		outcome.leastLeft = min(outcome.leastLeft, left)
	}
	session.expires = now.Add(session.life)
	early := time.Duration(s.random.Float64() * float64(session.life/10))
	session.due = session.expires.Add(-session.margin - early)
	again := session.due
	if session.asks > 0 {
		again = now.Add(session.asks)
	}
	if earliest := session.attempt.Add(floor); again.Before(earliest) {
		again = earliest
	}
	s.lookAt(session, again)
	if again.Before(session.due) {
		s.lookAt(session, session.due)
	}
	s.lookAt(session, session.expires)
}

func one(namespace string) func(int) string { return func(int) string { return namespace } }

func over(n int, namespace string) func(int) string {
	return func(i int) string { return fmt.Sprintf("%s-%d", namespace, i%n) }
}

const (
	attackers  = "attackers"
	victims    = "victims"
	latecomers = "latecomers"

	qps     = 20.0
	latency = 300 * time.Millisecond
)

var (
	attacker = simulated{group: attackers, life: time.Minute, margin: 48 * time.Second, latency: latency}
	// The crowd is there before them.
	victim = simulated{group: victims, life: 10 * time.Minute, margin: 200 * time.Second, latency: latency, after: time.Second}
	late   = simulated{group: latecomers, life: 10 * time.Minute, margin: 200 * time.Second, latency: latency, after: 20 * time.Minute}
)

// TestTenantsDoNotStarveOneAnother is what ordinary sessions, and twenty that come
// later, see of the crowds of others for half an hour.
func TestTenantsDoNotStarveOneAnother(t *testing.T) {
	t.Parallel()
	slow := attacker
	slow.latency, slow.key = 10*time.Second, keyNumber(1)
	rejected := attacker
	rejected.rejects = true
	// 5000 of these ask 500 times a second.
	asking := simulated{group: attackers, life: 72 * time.Hour, margin: 24 * time.Hour, latency: latency, asks: time.Second}
	for _, row := range []struct {
		name      string
		attackers int
		attacker  simulated
		by        func(int) string // their namespaces
		victims   int
		of        func(int) string // theirs
	}{
		{"one namespace", 2000, attacker, one("attackers"), 200, one("victims")},
		{"ten namespaces", 2000, attacker, over(10, "attackers"), 200, one("victims")},
		// With w namespaces that wait, qps/2w requests a second are sure.
		{"a hundred namespaces", 2000, attacker, over(100, "attackers"), 30, one("victims")},
		{"a hundred namespaces of many tenants", 2000, attacker, over(100, "attackers"), 200, over(20, "victims")},
		{"renew tokens", 5000, asking, one("attackers"), 200, one("victims")},
		{"renew tokens in a hundred namespaces", 5000, asking, over(100, "attackers"), 200, one("victims")},
		{"a slow key", 2000, slow, one("attackers"), 200, one("victims")},
		{"rejected sessions that are edited", 3000, rejected, one("attackers"), 200, one("victims")},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			outcomes := simulate(t, 30*time.Minute, func(s *simulation) {
				s.add(row.attackers, row.attacker, row.by)
				s.add(row.victims, victim, row.of)
				s.add(20, late, over(20, "latecomers"))
			})
			for _, group := range []string{victims, latecomers, attackers} {
				t.Logf("%s: %s", group, outcomes[group])
			}
			if v := outcomes[victims]; v.expired > 0 || v.notIssued > 0 || v.leastLeft <= 150*time.Second {
				t.Errorf("victims: %s", v)
			}
			if l := outcomes[latecomers]; l.notIssued > 0 || l.slowestIssue >= 30*time.Second {
				t.Errorf("those that come later: %s", l)
			}
		})
	}
}
