// Package integration runs the controller in process, against a real API server, with a clock
// that runs and that a test steps. A test begins with newRunningWorld, and with issued if it
// needs a session that has a URL. It changes something by the methods of env.Stage, by edit,
// editSecret or giveAnotherKey, lets time pass by clock.Step or passFloor, and then waits:
//
//   - Ready, Reaches and waitForURL wait for what the status and the Secret are to show,
//     staysReady holds it for good;
//   - waitForRequests waits for what the endpoint is to get, and holds that it gets no more;
//   - rest waits until the controller has nothing to do, andPass until it has also seen a change;
//   - WaitForRequestsUnderWay and seenBy are for the time between a request and its answer, which
//     Standin.Hold makes long.
//
// What must always hold is watched in each world: valid conditions, and no key and no URL where
// it does not belong. Keys are env.KeyOf, so that they are found.
package integration

import (
	"flag"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", testsAtOnce)
	ctrl.SetLogger(testLogs.logger()) // the first one counts
	env.Main(m)
}

// testsAtOnce is more than there are processors: these tests mostly wait.
const testsAtOnce = "8"

// world is a stage with its own time and a controller that serves it. What holds
// always is watched in each of them.
type world struct {
	*env.Stage
	clock *runningClock
	// options are for the next controller that is run, and connection is how it
	// reaches the API server.
	options    controllers.Options
	connection *rest.Config
	calls      calls
	passes     *passes
	controller *runningController
	vigil      *vigil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	clock := newRunningClock(t)
	w := &world{
		Stage: env.NewStage(t, env.Cluster(t), standin.WithClock(clock)), clock: clock,
		options: controllers.Options{Concurrency: 4, Burst: 1},
	}
	w.connection = w.Cluster.Config()
	w.keepVigil()
	return w
}

// newRunningWorld is a world whose key is in place and whose controller runs.
func newRunningWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	w.run()
	return w
}

// issued creates a session and waits for its first URL. It lives for a day unless
// told otherwise, so that minutes pass without a renewal.
func (w *world) issued(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	w.T.Helper()
	w.Session(name, append([]func(*v1alpha1.BillingSession){builders.Expiration(86400)}, differences...)...)
	return w.Ready(name)
}

// edit changes a session by a patch of what differs.
func (w *world) edit(name string, change func(*v1alpha1.BillingSession)) {
	w.T.Helper()
	before := w.Get(name)
	after := before.DeepCopy()
	change(after)
	w.Must(w.Client.Patch(w.T.Context(), after, client.MergeFrom(before)))
}

// editSecret changes a Secret, or fails the test if there is none.
func (w *world) editSecret(name string, change func(*corev1.Secret)) (version string) {
	w.T.Helper()
	before := w.Secret(name)
	after := before.DeepCopy()
	change(after)
	w.Must(w.Client.Patch(w.T.Context(), after, client.MergeFrom(before)))
	return after.ResourceVersion
}

// anotherKey is a key of another group, which the endpoint knows.
func (w *world) anotherKey(group string) string {
	w.Standin.AddKeys(env.KeyOf(group))
	return env.KeyOf(group)
}

// giveAnotherKey puts a key of another group into a Secret.
func (w *world) giveAnotherKey(secret, group string) (key string) {
	w.T.Helper()
	key = w.anotherKey(group)
	w.GiveKey(secret, key)
	return key
}

// passFloor lets the time pass in which a session cannot ask again: what would be
// asked for is not held up by it.
func (w *world) passFloor() {
	w.clock.Step(11 * time.Second)
	w.rest()
}

// waitForRequests waits until the endpoint has seen that many, and holds that it
// does not see more once the controller rests.
func (w *world) waitForRequests(want int) {
	w.T.Helper()
	env.Until(w.T, fmt.Sprintf("%d requests", want), func() bool { return w.Standin.Total() >= want })
	w.rest()
	if got := w.Standin.Total(); got != want {
		w.T.Fatalf("%d requests, want %d", got, want)
	}
}

// waitForNewURL waits until the Secret holds another URL than before, and gives it.
func (w *world) waitForNewURL(secretName, before string) (now string) {
	w.T.Helper()
	env.Until(w.T, "another URL in Secret "+secretName, func() bool {
		now = w.URLIn(secretName)
		return now != "" && now != before
	})
	return now
}

// waitForURL waits until the Secret holds that URL.
func (w *world) waitForURL(secretName, want string) {
	w.T.Helper()
	env.Until(w.T, "the URL in Secret "+secretName, func() bool { return w.URLIn(secretName) == want })
}
