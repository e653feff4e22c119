//go:build long

// Package chaos runs the real manager against a real API server while everything
// around it goes wrong, by a plan that a seed decides. Then it looks from outside whether all is
// well soon after, no Secret holds an expired URL from then on, no session has
// asked more often than what happened explains, and nothing has shown a key or a URL.
package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

var (
	chaosDuration = flag.Duration("chaos.duration", 50*time.Second, "for how long things go wrong")
	chaosSessions = flag.Int("chaos.sessions", 30, "how many sessions there are, 250 at most")
	chaosLife     = flag.Duration("chaos.life", 45*time.Second, "for how long URLs live: short, so that there are many renewals")
	chaosSeed     = flag.Uint64("chaos.seed", 1, "what the plan is drawn from; 0 for a new one")
)

func TestMain(m *testing.M) { env.Main(m) }

func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(rand.Uint32())
	}
	sessions := min(*chaosSessions, mostSessions)
	flags := fmt.Sprintf("-chaos.seed=%d -chaos.duration=%s -chaos.sessions=%d -chaos.life=%s", seed, *chaosDuration, sessions, *chaosLife)
	t.Log(flags)

	w := newWorld(t, seed, sessions)
	w.fleet.run(1)
	w.wreakHavoc(drawPlan(seed, *chaosDuration, sessions), *chaosDuration)
	w.calmDown()
	if w.becomesWell() {
		w.rest()
	}
	w.fleet.stop()
	w.searchForLeaks()
	w.judgeRequests()
	if t.Failed() {
		t.Logf("again: go test -tags long ./test/chaos -v -run TestChaos %s", flags)
	}
}

// wreakHavoc follows the plan. What befalls the machines comes one after the
// other, later than planned if need be; all else at its time.
func (w *world) wreakHavoc(plan []disturbance, lasting time.Duration) {
	chaos, cancel := context.WithTimeout(w.T.Context(), lasting)
	defer cancel()
	w.proxy.percent.Store(usualPercent)
	var under sync.WaitGroup
	defer under.Wait()
	under.Go(func() {
		for _, d := range plan {
			if do, ok := machines[d.Kind]; ok && w.comes(chaos, d) {
				w.chronicle.note(nobody, "%s", d.Kind)
				do(w, chaos, d)
			}
		}
	})
	for _, d := range plan {
		if _, ok := machines[d.Kind]; !ok && w.comes(chaos, d) {
			under.Go(func() { w.disturb(chaos, d) })
		}
	}
	<-chaos.Done()
}

// comes waits for a disturbance's time, and reports whether it comes before the end.
func (w *world) comes(chaos context.Context, d disturbance) bool {
	pause(chaos, time.Until(w.chronicle.began.Add(d.At)))
	return chaos.Err() == nil
}

// machines is what befalls them, by kind.
var machines = map[kind]func(w *world, chaos context.Context, d disturbance){
	killManager:    func(w *world, _ context.Context, _ disturbance) { w.fleet.endOne((*manager).leads, syscall.SIGKILL) },
	stopManager:    func(w *world, _ context.Context, _ disturbance) { w.fleet.endOne((*manager).leads, syscall.SIGTERM) },
	killStandby:    func(w *world, _ context.Context, _ disturbance) { w.fleet.endOne((*manager).standsBy, syscall.SIGKILL) },
	runPair:        func(w *world, _ context.Context, _ disturbance) { w.fleet.run(2) },
	runAlone:       func(w *world, _ context.Context, _ disturbance) { w.fleet.run(1) },
	cutConnections: func(w *world, _ context.Context, _ disturbance) { w.proxy.server.CloseClientConnections() },
	stopAPIServer: func(w *world, chaos context.Context, d disturbance) {
		w.stopAPIServer()
		pause(chaos, d.Lasts)
		w.startAPIServer()
		w.chronicle.note(nobody, "the API server is back")
	},
	stormOfWrites: func(w *world, chaos context.Context, d disturbance) {
		w.proxy.percent.Store(50)
		pause(chaos, d.Lasts)
		w.proxy.percent.Store(usualPercent)
	},
}

// stopAPIServer and startAPIServer try again: on a busy machine either takes longer than the server's
// keeper waits.
func (w *world) stopAPIServer() { w.insistOn("stop the API server", w.Cluster.StopAPIServer) }

func (w *world) startAPIServer() {
	w.insistOn("start the API server", func() error {
		err := w.Cluster.StartAPIServer()
		if err != nil {
			w.stopAPIServer() // what did not get ready in time is on its way out
		}
		return err
	})
}

func (w *world) insistOn(what string, do func() error) {
	err := do()
	for i := 1; err != nil && i < 4; i++ {
		err = do()
	}
	if err != nil {
		w.T.Errorf("%s: %v", what, err)
	}
}

// disturb does what is not done to machines.
func (w *world) disturb(chaos context.Context, d disturbance) {
	s := w.subjects[d.Session]
	switch d.Kind {
	case endpointDown:
		w.chronicle.note(nobody, "the endpoint is down for %s", d.Lasts)
		w.Standin.Misbehave(standin.Status(503))
		pause(chaos, d.Lasts)
		w.Standin.Misbehave()
	case endpointFault:
		fault, key := endpointFaults[d.Choice], s.key.value()
		w.chronicle.note(s.number, "the endpoint misbehaves for %s: %s", d.Lasts, fault.name)
		if fault.once {
			w.Standin.MisbehaveFor(key, standin.Times(1, fault.faults...))
		} else {
			w.Standin.MisbehaveFor(key, fault.faults...)
		}
		pause(chaos, d.Lasts)
		w.Standin.MisbehaveFor(key)
		if fault.once {
			w.act(s, renewal()) // a rejection needs a person
		}
	default:
		habits[slices.IndexFunc(habits, d.isOf)].do(w, chaos, s, d)
	}
}

// calmDown ends all that goes wrong. What needs a person gets one: sessions that
// are in trouble are asked for a fresh URL.
func (w *world) calmDown() {
	w.proxy.percent.Store(0)
	w.Standin.Heal()
	w.chronicle.note(nobody, "nothing goes wrong any more")
	for _, s := range w.subjects {
		w.insist(s.number, "look after", func(ctx context.Context) error {
			session, err := w.session(ctx, s)
			if err == nil && conditionsOf(session) != wellConditions {
				w.act(s, renewal())
			}
			return err
		})
	}
}
