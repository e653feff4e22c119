package controllers

import (
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

// model is the controller as the bulkhead sees it: workers that make passes over sessions from a
// queue. It runs on a clock that does not wait.
type model struct {
	t        *testing.T
	bulkhead *bulkhead
	queue    workqueue.TypedDelayingInterface[types.NamespacedName]
	// takes is how long a pass in that namespace takes. One of apiTimeout fails.
	takes func(namespace string) time.Duration

	mu       sync.Mutex
	sessions int
	underWay map[string]int // passes by namespace
	added    map[types.NamespacedName]time.Time
	failures map[types.NamespacedName]int
	asking   map[types.NamespacedName]time.Duration // those with a turn to ask, and how long the endpoint takes
	// served is how long each session of a namespace took until its pass succeeded.
	served map[string][]time.Duration
}

// apiTimeout is how long the API server waits for a webhook by default.
const apiTimeout = 10 * time.Second

var modelOptions = Options{Concurrency: 16}

func newModel(t *testing.T, takes func(namespace string) time.Duration) *model {
	m := &model{
		t: t, takes: takes, queue: workqueue.NewTypedDelayingQueue[types.NamespacedName](),
		underWay: map[string]int{}, added: map[types.NamespacedName]time.Time{}, failures: map[types.NamespacedName]int{},
		asking: map[types.NamespacedName]time.Duration{}, served: map[string][]time.Duration{},
	}
	m.bulkhead = newBulkhead(modelOptions.places(), clock.RealClock{}, m.queue.Add)
	for range modelOptions.workers() {
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
	m.mu.Lock()
	request, hasTurn := m.asking[session]
	m.mu.Unlock()
	permit := m.bulkhead.enter(session, hasTurn)
	if permit == nil {
		return
	}
	defer permit.leave()
	if hasTurn {
		m.sleep(request)
		m.mu.Lock()
		delete(m.asking, session)
		m.mu.Unlock()
		if permit.spent(request); !permit.takePlace() {
			return
		}
	}
	if took := m.write(session.Namespace); took < apiTimeout {
		m.serve(session)
	} else {
		m.fail(session)
	}
}

func (m *model) write(namespace string) time.Duration {
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

func (m *model) serve(session types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if added, ok := m.added[session]; ok {
		m.served[session.Namespace] = append(m.served[session.Namespace], time.Since(added))
		delete(m.added, session)
	}
}

func (m *model) fail(session types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue.AddAfter(session, min(time.Second<<min(m.failures[session], 10), maxWriteRetry))
	m.failures[session]++
}

// sleep ends early when the test is over.
func (m *model) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-m.t.Context().Done():
	}
}

// add adds sessions that need a pass.
func (m *model) add(namespace string, sessions int) {
	for range sessions {
		m.queue.Add(m.named(namespace))
	}
}

func (m *model) named(namespace string) types.NamespacedName {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions++
	session := types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(m.sessions)}
	m.added[session] = time.Now()
	return session
}

// hangIn adds sessions to some namespaces.
func (m *model) hangIn(namespaces, sessions int) {
	for n := range namespaces {
		m.add(fmt.Sprint("hangs-", n), sessions)
	}
}

// ask adds a session whose turn to ask has come.
func (m *model) ask(namespace string, takes time.Duration) {
	session := m.named(namespace)
	m.mu.Lock()
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

// inModel runs a test of the model in which passes take what a function says.
func inModel(t *testing.T, takes func(namespace string) time.Duration, test func(t *testing.T, m *model)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, takes)
		defer m.queue.ShutDown()
		test(t, m)
	})
}

// hanging has passes outside of finance hang.
func hanging(finance time.Duration) func(string) time.Duration {
	return func(namespace string) time.Duration {
		if namespace == "finance" {
			return finance
		}
		return apiTimeout
	}
}

// TestPassesThatHangSometimesHoldUpNobodyElse: of a webhook with two replicas one may hang, or it
// reviews only what is created.
func TestPassesThatHangSometimesHoldUpNobodyElse(t *testing.T) {
	for _, share := range []float64{1, 0.5, 0.2, 0.05, 0.02} {
		for _, namespaces := range []int{3, 20, 100} {
			t.Run(fmt.Sprintf("%d namespaces, %v of the passes", namespaces, share), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(1, 1))
				takes := func(namespace string) time.Duration {
					if namespace != "finance" && random.Float64() < share {
						return apiTimeout
					}
					return 5 * time.Millisecond
				}
				inModel(t, takes, func(_ *testing.T, m *model) {
					m.hangIn(namespaces, 240)
					time.Sleep(30 * time.Second) // the first ones have held most places
					m.expectPrompt(2 * time.Second)
				})
			})
		}
	}
}

// TestNamespacesThatHangAreServedEvenly, whichever came first.
func TestNamespacesThatHangAreServedEvenly(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	slow := func(string) time.Duration { return apiTimeout - 1 - time.Duration(random.IntN(1e9)) }
	inModel(t, slow, func(t *testing.T, m *model) {
		const namespaces = 7
		m.hangIn(namespaces, 1000)
		time.Sleep(5 * time.Minute)
		var served []int
		for n := range namespaces {
			sessions, _ := m.mostServed(fmt.Sprint("hangs-", n))
			served = append(served, sessions)
		}
		if least, most := slices.Min(served), slices.Max(served); least < most*8/10 || least == 0 {
			t.Errorf("%d are served", served)
		}
	})
}

// TestPassesThatHangAndRequestsLeaveWorkersToOthers: each turn to ask lets one more in.
func TestPassesThatHangAndRequestsLeaveWorkersToOthers(t *testing.T) {
	for endpoint, ask := range map[string]func(m *model){
		"is slow as well": func(m *model) {
			m.hangIn(3, 240)
			m.sleep(30 * time.Second)
			for range modelOptions.Concurrency {
				m.ask("asks", time.Hour)
			}
		},
		"is fast, and gives many turns": func(m *model) {
			for m.t.Context().Err() == nil {
				for n := range 3 {
					m.ask(fmt.Sprint("hangs-", n), 50*time.Millisecond)
				}
				m.sleep(20 * time.Millisecond)
			}
		},
	} {
		t.Run("the endpoint "+endpoint, func(t *testing.T) {
			t.Parallel()
			inModel(t, hanging(5*time.Millisecond), func(_ *testing.T, m *model) {
				go ask(m)
				time.Sleep(time.Minute)
				m.expectPrompt(time.Second)
			})
		})
	}
}

// TestSlowPassesDoNotStandBehindOthers: on a machine that is short of power the passes of a
// namespace take more than a second. In others there are many that hang, or take a little less.
func TestSlowPassesDoNotStandBehindOthers(t *testing.T) {
	const sessions, slow = 60, minHang * 3 / 2
	for _, row := range []struct {
		namespaces int
		takes      time.Duration
		served     int
		within     time.Duration
	}{
		{1, 20 * time.Millisecond, sessions, time.Minute},
		{1, minHang * 9 / 10, sessions, time.Minute},
		{3, apiTimeout, sessions, 30 * time.Second},
		{10, apiTimeout, sessions, time.Minute},
		{23, apiTimeout, sessions, 3 * time.Minute},
		// Now each namespace's share is less than a place: that of finance makes four passes a minute.
		{100, apiTimeout, sessions / 3, 5 * time.Minute},
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
				go func() { // they never end
					for t.Context().Err() == nil {
						if m.queue.Len() < 100 {
							m.hangIn(row.namespaces, 20)
						}
						m.sleep(row.takes)
					}
				}()
				time.Sleep(2 * apiTimeout)
				m.add("finance", sessions)
				time.Sleep(row.within)
				if served, took := m.mostServed("finance"); served < row.served {
					t.Errorf("%d of %d are served in %v, the last one after %v, want %d", served, sessions, row.within, took, row.served)
				}
			})
		})
	}
}

// TestABurstIsServedThoughManyHang, once it is known of them.
func TestABurstIsServedThoughManyHang(t *testing.T) {
	const sessions = 40
	for _, row := range []struct {
		namespaces int
		learnt     time.Duration
	}{{10, 2 * apiTimeout}, {100, 2 * apiTimeout}, {1000, 2 * time.Minute}} {
		t.Run(fmt.Sprintf("%d namespaces", row.namespaces), func(t *testing.T) {
			t.Parallel()
			inModel(t, hanging(300*time.Millisecond), func(t *testing.T, m *model) {
				m.hangIn(row.namespaces, 5)
				time.Sleep(row.learnt)
				m.add("finance", sessions)
				time.Sleep(time.Minute)
				if served, took := m.mostServed("finance"); served != sessions {
					t.Errorf("%d of %d are served, the last one after %v", served, sessions, took)
				}
			})
		})
	}
}

// TestPlacesDoNotStayUnused: a session that was called may have gone meanwhile.
func TestPlacesDoNotStayUnused(t *testing.T) {
	t.Parallel()
	inModel(t, hanging(0), func(t *testing.T, m *model) {
		m.hangIn(1, 1500)
		time.Sleep(apiTimeout + apiTimeout/2) // now the namespace leaves a quarter
		want := (modelOptions.places() - m.bulkhead.spare) / 2
		for second := range 60 {
			m.add("finance", 1)
			time.Sleep(time.Second)
			synctest.Wait()
			m.mu.Lock()
			if n := m.underWay["hangs-0"]; n != want {
				t.Errorf("after %d s %d passes are under way though others wait, want %d", second, n, want)
			}
			m.mu.Unlock()
		}
	})
}
