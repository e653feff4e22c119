package controllers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
)

// model is the controller as calls see it: workers that make passes over sessions from a queue,
// each with one call. It runs on a clock that does not wait.
type model struct {
	t     *testing.T
	calls *calls
	queue workqueue.TypedDelayingInterface[types.NamespacedName]
	// reads tells that each pass reads before it writes.
	reads bool
	// takes is how long a call in that namespace takes. One of maxHang fails.
	takes func(namespace string) time.Duration

	mu       sync.Mutex
	sessions int
	underWay map[string]int // calls by namespace
	added    map[types.NamespacedName]time.Time
	failures map[types.NamespacedName]int
	asking   map[types.NamespacedName]time.Duration // their next pass makes a request instead
	// served is how long each session of a namespace took until its call succeeded.
	served map[string][]time.Duration
}

// maxHang is how long the API server waits for a webhook by default.
const maxHang = 10 * time.Second

func newModel(t *testing.T, takes func(namespace string) time.Duration) *model {
	options := Options{Concurrency: 16}
	m := &model{
		t: t, takes: takes, queue: workqueue.NewTypedDelayingQueue[types.NamespacedName](),
		underWay: map[string]int{}, added: map[types.NamespacedName]time.Time{}, failures: map[types.NamespacedName]int{},
		asking: map[types.NamespacedName]time.Duration{}, served: map[string][]time.Duration{},
	}
	m.calls = newCalls(options.sharedCalls(), clock.RealClock{}, m.queue.Add)
	for range options.workers() {
		go m.work()
	}
	return m
}

func (m *model) work() {
	for {
		session, isOver := m.queue.Get()
		if isOver {
			return
		}
		m.pass(session)
		m.queue.Done(session)
	}
}

func (m *model) pass(session types.NamespacedName) {
	m.calls.passBegins(session)
	defer m.calls.passEnds(session)
	m.mu.Lock()
	_, isWanted := m.added[session]
	request := m.asking[session]
	delete(m.asking, session)
	m.mu.Unlock()
	if !isWanted {
		m.sleep(request)
		return
	}
	var took time.Duration
	call := func() error {
		took = m.call(session.Namespace)
		return nil
	}
	ctx := withCaller(m.t.Context(), caller{session: session})
	var err error
	if m.reads {
		err = m.calls.do(ctx, groupName{session.Namespace, readCall}, call)
	}
	if err == nil {
		err = m.calls.do(ctx, writesIn(session.Namespace), call)
	}
	if busy, ok := errors.AsType[busyError](err); ok {
		m.calls.wait(session, busy.group)
		m.queue.AddAfter(session, maxWaiting)
		return
	}
	m.called(session, took)
}

func (m *model) call(namespace string) time.Duration {
	m.mu.Lock()
	takes := m.takes(namespace)
	m.underWay[namespace]++
	m.mu.Unlock()
	m.sleep(takes)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.underWay[namespace]--
	return takes
}

func (m *model) called(session types.NamespacedName, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if took >= maxHang {
		m.queue.AddAfter(session, min(time.Second<<min(m.failures[session], 10), maxWriteRetry))
		m.failures[session]++
		return
	}
	m.served[session.Namespace] = append(m.served[session.Namespace], time.Since(m.added[session]))
	delete(m.added, session)
}

// sleep ends early when the test is over.
func (m *model) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-m.t.Context().Done():
	}
}

// add adds sessions that need a call.
func (m *model) add(namespace string, sessions int) {
	for range sessions {
		m.mu.Lock()
		m.sessions++
		session := types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(m.sessions)}
		m.added[session] = time.Now()
		m.mu.Unlock()
		m.queue.Add(session)
	}
}

// hangIn adds sessions to some namespaces.
func (m *model) hangIn(namespaces, sessions int) {
	for n := range namespaces {
		m.add(fmt.Sprint("hangs-", n), sessions)
	}
}

// ask has a worker wait for the endpoint.
func (m *model) ask(takes time.Duration) {
	m.mu.Lock()
	m.sessions++
	session := types.NamespacedName{Namespace: "asks", Name: fmt.Sprint(m.sessions)}
	m.asking[session] = takes
	m.mu.Unlock()
	m.queue.Add(session)
}

// mostServed is how many sessions were served, and how long the last of them took.
func (m *model) mostServed(namespace string) (sessions int, longest time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.served[namespace]) == 0 {
		return 0, 0
	}
	return len(m.served[namespace]), slices.Max(m.served[namespace])
}

// expectPrompt adds a session a second to finance for two minutes: none may take long.
func (m *model) expectPrompt(longest time.Duration) {
	m.t.Helper()
	const sessions = 120
	for range sessions {
		m.add("finance", 1)
		time.Sleep(time.Second)
	}
	if served, took := m.mostServed("finance"); served != sessions || took > longest {
		m.t.Errorf("%d of %d are served, the last one after %v; want all, after %v at most", served, sessions, took, longest)
	}
}

func (m *model) end() { m.queue.ShutDown() }

// inModel runs a test of the model in which calls take what a function says.
func inModel(t *testing.T, takes func(namespace string) time.Duration, test func(t *testing.T, m *model)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, takes)
		defer m.end()
		test(t, m)
	})
}

// hanging has calls outside of finance hang.
func hanging(finance time.Duration) func(string) time.Duration {
	return func(namespace string) time.Duration {
		if namespace == "finance" {
			return finance
		}
		return maxHang
	}
}

// TestCallsThatHangSometimesHoldUpNobodyElse: of a webhook with two replicas one may hang, or it
// reviews only what is created.
func TestCallsThatHangSometimesHoldUpNobodyElse(t *testing.T) {
	for _, share := range []float64{1, 0.5, 0.2, 0.05, 0.02} {
		for _, namespaces := range []int{3, 20} {
			t.Run(fmt.Sprintf("%d namespaces, %v of the calls", namespaces, share), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(1, 1))
				takes := func(namespace string) time.Duration {
					if namespace != "finance" && random.Float64() < share {
						return maxHang
					}
					return 5 * time.Millisecond
				}
				inModel(t, takes, func(_ *testing.T, m *model) {
					m.hangIn(namespaces, 240)
					time.Sleep(30 * time.Second) // the first ones have held all workers
					m.expectPrompt(2 * time.Second)
				})
			})
		}
	}
}

// TestCallsThatHangAndRequestsTogetherLeaveWorkersToOthers: the endpoint is slow as well.
func TestCallsThatHangAndRequestsTogetherLeaveWorkersToOthers(t *testing.T) {
	t.Parallel()
	inModel(t, hanging(5*time.Millisecond), func(_ *testing.T, m *model) {
		m.hangIn(3, 240)
		time.Sleep(30 * time.Second)
		for range 16 {
			m.ask(time.Hour)
		}
		time.Sleep(30 * time.Second)
		m.expectPrompt(time.Second)
	})
}

// TestSlowCallsDoNotStandBehindOthers: on a machine that is short of power the calls of a namespace
// take more than a second. In others there are many that hang, or that take a little less.
func TestSlowCallsDoNotStandBehindOthers(t *testing.T) {
	const sessions, slow = 60, minSlow * 3 / 2
	for _, row := range []struct {
		namespaces int
		takes      time.Duration
		served     int
		within     time.Duration
	}{
		{1, 20 * time.Millisecond, sessions, time.Minute},
		{1, minSlow * 9 / 10, sessions, time.Minute},
		{3, maxHang, sessions, 30 * time.Second},
		{10, maxHang, sessions, time.Minute},
		{23, maxHang, sessions, 3 * time.Minute},
		// Now each namespace's share is less than a place: that of finance makes ten calls a minute.
		{100, maxHang, sessions / 2, 5 * time.Minute},
	} {
		t.Run(fmt.Sprintf("%d namespaces, %v", row.namespaces, row.takes), func(t *testing.T) {
			t.Parallel()
			takes := func(namespace string) time.Duration {
				if namespace == "finance" {
					return slow
				}
				return row.takes
			}
			inModel(t, takes, func(t *testing.T, m *model) {
				m.calls.mark(ofFinance, true)
				go func() { // they never end
					for t.Context().Err() == nil {
						if m.queue.Len() < 100 {
							m.hangIn(row.namespaces, 20)
						}
						m.sleep(row.takes)
					}
				}()
				time.Sleep(2 * maxHang) // the others have all the shared places
				m.add("finance", sessions)
				time.Sleep(row.within)
				if served, took := m.mostServed("finance"); served < row.served {
					t.Errorf("%d of %d are served in %v, the last one after %v, want %d", served, sessions, row.within, took, row.served)
				}
			})
		})
	}
}

// TestABurstIsServedThoughManyHang: some of it is refused, as it wants more than its own place.
func TestABurstIsServedThoughManyHang(t *testing.T) {
	const sessions = 40
	for _, namespaces := range []int{10, 100, 1000} {
		t.Run(fmt.Sprintf("%d namespaces", namespaces), func(t *testing.T) {
			t.Parallel()
			inModel(t, hanging(300*time.Millisecond), func(t *testing.T, m *model) {
				for n := range namespaces {
					m.calls.mark(writesIn(fmt.Sprint("hangs-", n)), true)
				}
				m.hangIn(namespaces, 5)
				time.Sleep(2 * maxHang)
				m.add("finance", sessions)
				time.Sleep(time.Minute)
				if served, took := m.mostServed("finance"); served != sessions {
					t.Errorf("%d of %d are served, the last one after %v", served, sessions, took)
				}
			})
		})
	}
}

// TestAPassOfTwoSlowCallsIsMade: it reads what is held in no cache, and writes. If it lost its place
// between the two, it would begin anew for ever.
func TestAPassOfTwoSlowCallsIsMade(t *testing.T) {
	for _, namespaces := range []int{3, 30} {
		t.Run(fmt.Sprintf("%d namespaces", namespaces), func(t *testing.T) {
			t.Parallel()
			inModel(t, hanging(minSlow*3/2), func(t *testing.T, m *model) {
				const sessions = 20
				m.reads = true
				for _, kind := range []callKind{readCall, secretWrite} {
					m.calls.mark(groupName{"finance", kind}, true)
				}
				m.hangIn(namespaces, 240)
				time.Sleep(2 * maxHang)
				m.add("finance", sessions)
				time.Sleep(2 * time.Minute)
				if served, took := m.mostServed("finance"); served != sessions {
					t.Errorf("%d of %d are served, the last one after %v", served, sessions, took)
				}
			})
		})
	}
}

// TestPlacesDoNotStayUnused: a session that was woken for one may need it no more.
func TestPlacesDoNotStayUnused(t *testing.T) {
	t.Parallel()
	inModel(t, hanging(0), func(t *testing.T, m *model) {
		m.calls.mark(writesIn("hangs-0"), true)
		m.calls.mark(ofFinance, true)
		m.hangIn(1, 1500)
		time.Sleep(maxHang / 2)
		m.calls.waitFor("gone", ofFinance)
		for second := range 60 {
			time.Sleep(time.Second)
			synctest.Wait()
			m.mu.Lock()
			if n, want := m.underWay["hangs-0"], (Options{Concurrency: 16}).sharedCalls(); n != want {
				t.Errorf("after %d s %d calls are under way though others wait, want %d", second, n, want)
			}
			m.mu.Unlock()
		}
	})
}

// TestPlacesThatNobodyElseWantsAreTaken: where the whole API server is slow, all groups are, and
// most sessions may be in one of them.
func TestPlacesThatNobodyElseWantsAreTaken(t *testing.T) {
	t.Parallel()
	const sessions = 24
	inModel(t, func(string) time.Duration { return maxHang - 1 }, func(t *testing.T, m *model) {
		for i := range 50 {
			m.calls.mark(writesIn(fmt.Sprint(i)), true)
		}
		m.calls.mark(ofFinance, true)
		m.add("finance", sessions)
		time.Sleep(maxHang)
		if served, _ := m.mostServed("finance"); served != sessions {
			t.Errorf("%d of %d calls were made at once", served, sessions)
		}
	})
}
