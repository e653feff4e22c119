// Package chaos runs the real manager against a real API server while everything
// around it goes wrong, by a plan that a seed decides. It watches from outside that
// what users were promised holds all the same, and that all is well soon after.
package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

var (
	chaosDuration = flag.Duration("chaos.duration", 50*time.Second, "for how long things go wrong")
	chaosSessions = flag.Int("chaos.sessions", 30, "how many sessions there are, 250 at most")
	chaosLife     = flag.Duration("chaos.life", 45*time.Second, "for how long URLs live: short, so that there are many renewals")
	chaosSeed     = flag.Uint64("chaos.seed", 1, "what the plan is drawn from; 0 for a new one")
)

const (
	// restLasts is how much longer than a URL lives.
	restLasts = 5 * time.Second
	// recoveryPatience bounds the recovery: pauses of throttled keys take a minute or
	// two, and a busy machine its time.
	recoveryPatience = 5 * time.Minute
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
	w.keepVigil()
	w.fleet.run(1)
	w.wreakHavoc(drawPlan(seed, *chaosDuration, sessions), *chaosDuration)
	w.calmDown()
	if w.becomesWell() {
		w.rest()
	}
	w.fleet.stop()
	w.searchForLeaks()
	w.chronicle.judgeRequests()
	t.Logf("report:\n%s", w.chronicle.report())
	for _, complaint := range w.chronicle.complaints() {
		t.Error(complaint)
	}
	if t.Failed() {
		t.Logf("again: go test ./test/chaos -v -run TestChaos %s", flags)
	}
}

// wreakHavoc follows the plan. What befalls the machines comes one after the
// other, later than planned if need be; all else at its time.
func (w *world) wreakHavoc(plan []disturbance, lasting time.Duration) {
	chaos, cancel := context.WithTimeout(w.t.Context(), lasting)
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

// comes waits for a disturbance's time, and says whether it comes before the end.
func (w *world) comes(chaos context.Context, d disturbance) bool {
	pause(chaos, time.Until(w.chronicle.began.Add(d.At)))
	if chaos.Err() != nil {
		w.chronicle.count("disturbances that were planned too late", string(d.Kind))
		return false
	}
	w.chronicle.count("disturbances", string(d.Kind))
	return true
}

// machines is what befalls them, by kind.
var machines = map[kind]func(w *world, chaos context.Context, d disturbance){
	killManager:    func(w *world, _ context.Context, _ disturbance) { w.fleet.endOne(w.fleet.leader(), syscall.SIGKILL) },
	stopManager:    func(w *world, _ context.Context, _ disturbance) { w.fleet.endOne(w.fleet.leader(), syscall.SIGTERM) },
	killStandby:    func(w *world, _ context.Context, _ disturbance) { w.fleet.endOne(w.fleet.standby(), syscall.SIGKILL) },
	runPair:        func(w *world, _ context.Context, _ disturbance) { w.fleet.run(2) },
	runAlone:       func(w *world, _ context.Context, _ disturbance) { w.fleet.run(1) },
	cutConnections: func(w *world, _ context.Context, _ disturbance) { w.proxy.server.CloseClientConnections() },
	stopAPIServer: func(w *world, chaos context.Context, d disturbance) {
		w.epoch.Add(1)
		w.stopAPIServer()
		w.epoch.Add(1)
		pause(chaos, d.Lasts)
		w.startAPIServer()
		w.epoch.Add(1)
		w.chronicle.note(nobody, "the API server is back")
	},
	stormOfWrites: func(w *world, chaos context.Context, d disturbance) {
		w.proxy.percent.Store(50)
		pause(chaos, d.Lasts)
		w.proxy.percent.Store(usualPercent)
	},
}

// The API server is stopped and started with patience: on a busy machine that takes
// longer than its keeper waits.
const triesForAPIServer = 4

func (w *world) stopAPIServer() {
	err := w.cluster.StopAPIServer()
	for i := 1; err != nil && i < triesForAPIServer; i++ {
		err = w.cluster.StopAPIServer()
	}
	if err != nil {
		w.t.Errorf("stop the API server: %v", err)
	}
}

func (w *world) startAPIServer() {
	err := w.cluster.StartAPIServer()
	for i := 1; err != nil && i < triesForAPIServer; i++ {
		w.stopAPIServer() // what did not get ready in time is on its way out
		err = w.cluster.StartAPIServer()
	}
	if err != nil {
		w.t.Errorf("start the API server: %v", err)
	}
}

func (f *fleet) endOne(p *process, signal syscall.Signal) {
	if p != nil {
		f.end(p, signal)
	}
}

// disturb does what is not done to machines.
func (w *world) disturb(chaos context.Context, d disturbance) {
	s := w.subjects[d.Session]
	switch d.Kind {
	case endpointDown:
		w.chronicle.note(nobody, "the endpoint is down for %s", d.Lasts)
		w.standin.Misbehave(w.fault(d.Fault))
		pause(chaos, d.Lasts)
		w.standin.Misbehave()
	case endpointFault:
		key := s.key.value()
		w.chronicle.note(s.number, "the endpoint misbehaves for %s: %s", d.Lasts, d.Fault)
		w.standin.MisbehaveFor(key, w.fault(d.Fault))
		pause(chaos, d.Lasts)
		w.standin.MisbehaveFor(key)
		if strings.Contains(d.Fault, "status=40") {
			w.renew(s) // a rejection needs a person
		}
	default:
		people[d.Kind](w, chaos, s, d)
	}
}

func (w *world) fault(words string) standin.Fault {
	fault, err := standin.ParseFault(words)
	if err != nil {
		w.t.Error(err)
	}
	return fault
}

// calmDown ends all that goes wrong. What needs a person gets one: sessions that
// are in trouble are asked for a fresh URL.
func (w *world) calmDown() {
	w.proxy.percent.Store(0)
	w.standin.Heal()
	w.chronicle.note(nobody, "nothing goes wrong any more")
	for _, s := range w.subjects {
		w.insist(s.number, "look after", func(ctx context.Context) error {
			session, err := w.session(ctx, s)
			if err == nil && conditionsOf(session) != "Ready=True Issued" {
				w.renew(s)
			}
			return err
		})
	}
}

// becomesWell waits until all is well, and says whether it came to that.
func (w *world) becomesWell() bool {
	w.t.Helper()
	deadline := time.Now().Add(recoveryPatience)
	for {
		troubles := w.troubles()
		if len(troubles) == 0 {
			return true
		}
		if time.Now().After(deadline) {
			for number, trouble := range troubles {
				w.chronicle.violated(number, "not well %s after nothing went wrong any more: %s", recoveryPatience, trouble)
			}
			return false
		}
		pause(w.t.Context(), 500*time.Millisecond)
	}
}

// rest watches that nothing happens but renewals, and that all is well at the end.
func (w *world) rest() {
	w.t.Helper()
	w.chronicle.beginRest()
	w.resting.Store(true)
	over := time.Now().Add(*chaosLife + restLasts)
	for time.Now().Before(over) {
		w.mustNotOutlive()
		pause(w.t.Context(), 2*time.Second)
	}
	w.becomesWell()
}

// urlMayOutlive its expiry for that long in a status, on a busy machine.
const urlMayOutlive = 15 * time.Second

func (w *world) mustNotOutlive() {
	sessions, _ := w.all()
	for i := range sessions {
		session := &sessions[i]
		expired := session.Status.ExpirationTime
		if session.Status.URL != "" && expired != nil && time.Since(expired.Time) > urlMayOutlive {
			w.chronicle.violated(numberOf(session.Name), "the status shows a URL that expired at %s", w.chronicle.when(expired.Time))
		}
	}
}

func (w *world) all() ([]v1alpha1.BillingSession, map[string]*corev1.Secret) {
	var sessions v1alpha1.BillingSessionList
	var secrets corev1.SecretList
	for _, list := range []client.ObjectList{&secrets, &sessions} {
		w.insist(nobody, "list", func(ctx context.Context) error { return w.client.List(ctx, list, client.InNamespace(w.namespace)) })
	}
	byName := map[string]*corev1.Secret{}
	for i := range secrets.Items {
		byName[secrets.Items[i].Name] = &secrets.Items[i]
	}
	return sessions.Items, byName
}

// troubles is what is not as it should be with each session.
func (w *world) troubles() map[int]string {
	troubles := map[int]string{}
	sessions, secrets := w.all()
	for i := range sessions {
		session := &sessions[i]
		if trouble := w.trouble(session, secrets[session.Name]); trouble != "" {
			troubles[numberOf(session.Name)] = trouble
		}
	}
	return troubles
}

// trouble is empty when the session is ready for what is declared today, and
// Secret and status agree about it.
func (w *world) trouble(session *v1alpha1.BillingSession, secret *corev1.Secret) string {
	status, s := session.Status, w.subjectOf(session.Name)
	switch {
	case status.ObservedGeneration != session.Generation:
		return fmt.Sprintf("generation %d was not observed, but %d", session.Generation, status.ObservedGeneration)
	case conditionsOf(session) != "Ready=True Issued":
		return conditionsOf(session) + " " + fmt.Sprint(status.LastAttempt)
	case status.LastHandledRenewRequest != session.Annotations[v1alpha1.AnnotationRenewRequestedAt]:
		return "the last request for a fresh URL was not handled"
	case secret == nil:
		return "there is no Secret"
	}
	held, problem := w.readSecret(s, secret)
	switch {
	case problem != "":
		return "the Secret: " + problem
	case held.key != s.key.value():
		return "the URL is of an older key"
	case held.purge != string(session.Spec.Purge), held.asked != session.Spec.ExpirationSeconds:
		return "the URL is for older inputs"
	case !time.Now().Before(time.Unix(held.expire, 0)):
		return "the URL in the Secret has expired"
	case status.URL != held.url, status.ExpirationTime.Unix() != held.expire:
		return "Secret and status do not agree"
	case secret.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy, secret.Labels[v1alpha1.LabelSession] != session.Name:
		return "the Secret's labels are not in order"
	}
	return ""
}
