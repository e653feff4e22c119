//go:build long

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// world is everything that takes part.
type world struct {
	t         *testing.T
	namespace string
	cluster   *controlplane.ControlPlane
	client    client.WithWatch // straight to the API server
	standin   *standin.Server
	proxy     *proxy
	fleet     *fleet
	chronicle *chronicle
	subjects  []*subject
	keys      []*key
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
	// keyMark is in each key, and urlMark in each granted URL: nothing else says so.
	keyMark = "chaoskey"
	urlMark = "chaosurl"
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
	w := &world{
		t: t, namespace: fmt.Sprintf("chaos-%08x", rand.Uint32()), cluster: env.NewCluster(t, controlplane.Options{CRDDirs: []string{env.CRDs()}}),
		chronicle: newChronicle(),
	}
	config := w.cluster.Config()
	config.Timeout = 10 * time.Second
	w.client = env.Client(t, config)
	w.proxy = newProxy(t, w.chronicle, seed, w.cluster.Config())
	endpoint := w.startEndpoint(seed)
	w.fleet = &fleet{
		w: w, program: env.Tethered(t, "manager"),
		args: []string{
			"--kubeconfig", w.proxy.kubeconfig,
			"--endpoint-url", endpoint,
			"--endpoint-timeout", endpointTimeout.String(),
			"--watch-namespaces", w.namespace,
			"--metrics-bind-address", "0", "--health-probe-bind-address", "0",
			"--log-format", "text", "--log-level", "debug",
		},
	}
	t.Cleanup(w.fleet.stop)
	w.populate(sessions)
	w.chronicle.began = time.Now()
	return w
}

func (w *world) startEndpoint(seed uint64) (address string) {
	var granted atomic.Int64
	w.standin, address = env.Endpoint(w.t, standin.AcceptAnyKey(), standin.WithSeed(seed), standin.WithMaxLife(*chaosLife),
		standin.WithTokens(func() string { return fmt.Sprintf("%s-%d-%016x", urlMark, granted.Add(1), rand.Uint64()) }))
	return address + standin.Path
}

// populate creates the sessions and their keys.
func (w *world) populate(sessions int) {
	w.t.Helper()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	owners := sessions - sessions/5
	for i := range sessions {
		if i < owners || (i-owners)%sharersOfKey == 0 {
			k := &key{name: "key-" + sessionName(i)}
			w.create(builders.KeySecretOf(w.namespace, k.name, k.next()))
			w.keys = append(w.keys, k)
		}
		k := w.keys[len(w.keys)-1]
		s := &subject{number: i, key: k}
		k.subjects = append(k.subjects, s)
		w.subjects = append(w.subjects, s)
		w.create(builders.Session(s.name(), builders.In(w.namespace), builders.KeySecret(k.name),
			builders.Expiration(int32(expirationOf(i, 0)))))
	}
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), object); err != nil {
		w.t.Fatal(err)
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
	return fmt.Sprintf("%s-%s-%d", keyMark, k.name, k.version)
}

func (w *world) session(ctx context.Context, s *subject) (*v1alpha1.BillingSession, error) {
	var session v1alpha1.BillingSession
	err := w.client.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: s.name()}, &session)
	return &session, err
}
