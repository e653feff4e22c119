//go:build long

package chaos

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// world is everything that takes part.
type world struct {
	*env.Stage // whose client goes straight to the API server
	proxy      *proxy
	fleet      *fleet
	chronicle  *chronicle
	subjects   []*subject
	keys       []*key
	// restBegan is when nothing was left to recover from.
	restBegan time.Time
}

// subject is a session with its key.
type subject struct {
	number int
	key    *key
}

// key is an API key in its Secret, for one session or several.
type key struct {
	name     string
	subjects []*subject
	// changing is locked while somebody changes the Secret.
	changing sync.Mutex

	mu      sync.Mutex
	version int // of its value
}

const (
	// sharersOfKey share one key where it is not a session's own, as one of five sessions does.
	sharersOfKey = 3
	// mostSessions can be told apart by the expiry that they ask for.
	mostSessions = 250
)

func sessionName(number int) string { return fmt.Sprintf("s%03d", number) }

// numberOf is the number of the session that an object is named after.
func numberOf(name string) int {
	number, err := strconv.Atoi(strings.TrimPrefix(name, "s"))
	if err != nil {
		return nobody
	}
	return number
}

// A session is told by the expiry that it asks for, whatever its key is.
const secondsPerSession = 1000

func expirationOf(session, variant int) int { return secondsPerSession*(session+1) + variant }

func sessionAsking(expire time.Duration) int { return int(expire/time.Second)/secondsPerSession - 1 }

func newWorld(t *testing.T, seed uint64, sessions int) *world {
	t.Helper()
	cluster := env.NewCluster(t, controlplane.Options{CRDDirs: []string{env.CRDs()}})
	w := &world{
		Stage:     env.NewStage(t, cluster, standin.AcceptAnyKey(), standin.WithMaxLife(*chaosLife)),
		chronicle: newChronicle(),
	}
	config := cluster.Config()
	config.Timeout = 10 * time.Second
	w.Client = env.Client(t, config)
	w.proxy = newProxy(t, w.chronicle, seed, cluster.Config())
	w.fleet = &fleet{
		w: w, program: env.Tethered(t, "manager"),
		args: []string{
			"--kubeconfig", w.proxy.kubeconfig,
			"--endpoint-url", w.URL + standin.Path,
			"--endpoint-timeout", endpointTimeout.String(),
			"--watch-namespaces", w.Namespace,
			"--metrics-bind-address", "0", "--health-probe-bind-address", "0",
			"--log-format", "text", "--log-level", "debug",
		},
	}
	t.Cleanup(w.fleet.stop)
	w.populate(sessions)
	w.chronicle.began = time.Now()
	return w
}

// populate creates the sessions and their keys.
func (w *world) populate(sessions int) {
	w.T.Helper()
	owners := sessions - sessions/5
	for i := range sessions {
		if i < owners || (i-owners)%sharersOfKey == 0 {
			k := &key{name: "key-" + sessionName(i)}
			w.Create(builders.KeySecretOf(w.Namespace, k.name, k.next()))
			w.keys = append(w.keys, k)
		}
		k := w.keys[len(w.keys)-1]
		s := &subject{number: i, key: k}
		k.subjects = append(k.subjects, s)
		w.subjects = append(w.subjects, s)
		w.Create(builders.Session(s.name(), builders.In(w.Namespace), builders.KeySecret(k.name),
			builders.Expiration(int32(expirationOf(i, 0)))))
	}
}

func (s *subject) name() string { return sessionName(s.number) }

// next is a new value for the key.
func (k *key) next() string {
	k.mu.Lock()
	k.version++
	k.mu.Unlock()
	return k.value()
}

// value is today's.
func (k *key) value() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Sprintf("%s%s-%d", env.KeyPrefix, k.name, k.version)
}

func (w *world) session(ctx context.Context, s *subject) (*v1alpha1.BillingSession, error) {
	var session v1alpha1.BillingSession
	err := w.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: s.name()}, &session)
	return &session, err
}
