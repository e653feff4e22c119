package dispatch

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
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
	from    time.Time // when it is created

	expires, attempt, due, created time.Time
	turn                           *Turn
}

// simulation is an hour, or so, of a dispatcher and its sessions, in moments.
type simulation struct {
	t          *testing.T
	dispatcher *Dispatcher
	clock      *testingclock.FakeClock
	start      time.Time
	sessions   map[types.NamespacedName]*simulated
	events     events
	random     *rand.Rand
	outcome    map[string]*outcome
	turns      int
	scheduled  int
	model      *model // where the order is compared
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

type event struct {
	at  time.Time
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func newSimulation(t *testing.T) *simulation {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &simulation{
		t: t, clock: testingclock.NewFakeClock(start), start: start, random: rand.New(rand.NewPCG(1, 2)),
		sessions: map[types.NamespacedName]*simulated{}, outcome: map[string]*outcome{},
	}
	s.dispatcher = New(Options{Clock: s.clock, QPS: qps, Burst: 20, Slots: 16, Wake: s.look})
	return s
}

func (s *simulation) at(t time.Time, do func()) {
	heap.Push(&s.events, event{t, s.scheduled, do})
	s.scheduled++
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
		session.created = s.start.Add(s.after(template))
		s.sessions[session.name] = &session
		s.at(session.created, func() { s.look(session.name) })
	}
}

func (s *simulation) after(template simulated) time.Duration {
	if template.from.IsZero() {
		return 0
	}
	return template.from.Sub(s.start)
}

// look is a pass over a session.
func (s *simulation) look(name types.NamespacedName) {
	session := s.sessions[name]
	now := s.clock.Now()
	p, wants := session.wants(now)
	if session.turn != nil || !wants {
		return
	}
	turn, ok := s.dispatcher.TryAcquire(name, session.key, p)
	if s.model != nil {
		s.model.agrees(s.t, name.Name, p, ok)
	}
	if !ok {
		return
	}
	session.turn = turn
	session.attempt = now
	s.turns++
	s.at(now.Add(session.latency), func() { s.answer(session) })
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
	now, outcome := s.clock.Now(), s.outcome[session.group]
	session.turn.Release(false, 0)
	session.turn = nil
	if session.rejects {
		s.at(session.attempt.Add(floor), func() { s.look(session.name) })
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
	s.at(again, func() { s.look(session.name) })
	if again.Before(session.due) {
		s.at(session.due, func() { s.look(session.name) })
	}
	s.at(session.expires, func() { s.look(session.name) })
}

// run lets so much time pass.
func (s *simulation) run(d time.Duration) {
	end := s.start.Add(d)
	next := s.clock.Now()
	for !next.After(end) {
		s.clock.SetTime(next)
		for len(s.events) > 0 && !s.events[0].at.After(next) {
			heap.Pop(&s.events).(event).do()
		}
		wait := s.dispatcher.dispatch()
		select {
		case <-s.dispatcher.changed: // a woken session asked
			continue
		default:
		}
		next = next.Add(wait)
		if len(s.events) > 0 && s.events[0].at.Before(next) {
			next = s.events[0].at
		}
	}
	for _, session := range s.sessions {
		if session.expires.IsZero() {
			s.outcome[session.group].notIssued++
		}
	}
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
	victim   = simulated{group: victims, life: 10 * time.Minute, margin: 200 * time.Second, latency: latency}
)

func late(s *simulation) simulated {
	l := victim
	l.group, l.from = latecomers, s.start.Add(20*time.Minute)
	return l
}

// TestTenantsDoNotStarveOneAnother is what ordinary sessions, and twenty that come
// later, see of the crowds of others for an hour, or of the rarer kinds for 40 minutes.
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
		tooMany   bool             // by design: the victims want more than a namespace's part
		lasts     time.Duration
	}{
		{"one namespace", 2000, attacker, one("attackers"), 200, one("victims"), false, time.Hour},
		{"ten namespaces", 2000, attacker, over(10, "attackers"), 200, one("victims"), false, 40 * time.Minute},
		// With w namespaces that wait, qps/2w requests a second are sure.
		{"a hundred namespaces", 2000, attacker, over(100, "attackers"), 30, one("victims"), false, time.Hour},
		{"a hundred namespaces of many tenants", 2000, attacker, over(100, "attackers"), 200, over(20, "victims"), false, 40 * time.Minute},
		{"a hundred namespaces and more victims than their part", 2000, attacker, over(100, "attackers"), 200, one("victims"), true, time.Hour},
		{"renew tokens", 5000, asking, one("attackers"), 200, one("victims"), false, 40 * time.Minute},
		{"renew tokens in a hundred namespaces", 5000, asking, over(100, "attackers"), 200, one("victims"), false, 40 * time.Minute},
		{"a slow key", 2000, slow, one("attackers"), 200, one("victims"), false, 40 * time.Minute},
		{"rejected sessions that are edited", 3000, rejected, one("attackers"), 200, one("victims"), false, 40 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSimulation(t)
			s.add(row.attackers, row.attacker, row.by)
			s.add(row.victims, victim, row.of)
			s.add(20, late(s), over(20, "latecomers"))
			s.run(row.lasts)
			for _, group := range []string{victims, latecomers, attackers} {
				t.Logf("%s: %s", group, s.outcome[group])
			}
			switch v := s.outcome[victims]; {
			case row.tooMany:
				// The namespaces are 122 at most.
				if got, sure := v.issues+v.renewals+v.expired, int(qps*row.lasts.Seconds()/(2*122)); got < sure {
					t.Errorf("victims had %d turns, want %d", got, sure)
				}
			case v.expired > 0 || v.notIssued > 0 || v.leastLeft <= 150*time.Second:
				t.Errorf("victims: %s", v)
			}
			if l := s.outcome[latecomers]; l.notIssued > 0 || l.slowestIssue >= 30*time.Second {
				t.Errorf("those that come later: %s", l)
			}
		})
	}
}

// TestCrowdOfOneNamespaceIsServedByNeed: nobody pays for fairness while nobody else
// is there.
func TestCrowdOfOneNamespaceIsServedByNeed(t *testing.T) {
	t.Parallel()
	s := newSimulation(t)
	s.model = &model{}
	s.add(3000, victim, one("victims"))
	s.run(time.Hour)
	if v := s.outcome[victims]; v.expired > 0 || v.notIssued > 0 || s.turns < 3000 {
		t.Errorf("%d turns: %s", s.turns, v)
	}
}
