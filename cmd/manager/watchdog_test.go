package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/metrics"
)

// kennel is a watchdog in a cluster that answers as it is told.
type kennel struct {
	*watchdog
	clock *clocktesting.FakeClock
	// version is the cluster's, sessions are the versions of its sessions by name, and problem is
	// what it answers instead.
	version  string
	sessions map[string]string
	problem  error
	// shown is what the cache shows.
	shown map[string]string
	// refused are the namespaces that may not be read.
	refused map[string]bool
}

func newKennel() *kennel {
	k := &kennel{
		clock:   clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)),
		version: "1000", sessions: map[string]string{"a": "900"}, shown: map[string]string{"a": "900"}, refused: map[string]bool{},
	}
	cluster := metadatafake.NewSimpleMetadataClient(metadatafake.NewTestScheme())
	cluster.PrependReactor("list", "*", k.list)
	k.watchdog = &watchdog{
		cluster: cluster, cached: cacheOf{k}, clock: k.clock, wasAway: &atomic.Bool{},
		namespaces: namespaces{open: []string{"open"}, closed: []string{"closed"}}, restarted: k.clock.Now(),
	}
	return k
}

func (k *kennel) list(action clienttesting.Action) (bool, runtime.Object, error) {
	switch {
	case k.problem != nil:
		return true, nil, k.problem
	case k.refused[action.GetNamespace()]:
		return true, nil, apierrors.NewForbidden(action.GetResource().GroupResource(), "", errors.New("not for you"))
	}
	list := &metav1.List{ListMeta: metav1.ListMeta{ResourceVersion: k.version}}
	for name, version := range k.sessions {
		list.Items = append(list.Items, runtime.RawExtension{Object: &metav1.PartialObjectMetadata{ObjectMeta: metaOf(name, version)}})
	}
	return true, list, nil
}

func metaOf(name, version string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "open", Name: name, UID: types.UID(name), ResourceVersion: version}
}

// cacheOf lists what is shown.
type cacheOf struct{ *kennel }

func (cacheOf) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("not used")
}

func (c cacheOf) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	for name, version := range c.shown {
		sessions := list.(*v1alpha1.BillingSessionList)
		sessions.Items = append(sessions.Items, v1alpha1.BillingSession{ObjectMeta: metaOf(name, version)})
	}
	return nil
}

// TestTheProcessEndsWhenEtcdWasRestored lets the watchdog look, and then look again after each change.
func TestTheProcessEndsWhenEtcdWasRestored(t *testing.T) {
	t.Parallel()
	away := func(k *kennel) { k.wasAway.Store(true) }
	nothing := func(*kennel) {}
	for _, row := range []struct {
		why     string
		changes []func(*kennel)
		ends    string // after the last change, and not before; empty for never
	}{
		{"versions went back", []func(*kennel){func(k *kennel) { k.version = "999" }}, "went back from 1000 to 999"},
		{"they stand", []func(*kennel){nothing, nothing}, ""},
		{"they grow", []func(*kennel){func(k *kennel) { k.version = "1001" }, func(k *kennel) { k.version = "10000" }}, ""},
		{"what is not answered says nothing", []func(*kennel){func(k *kennel) { k.problem, k.version = errors.New("no route"), "1" }, away}, ""},
		{"versions went back during an outage", []func(*kennel){
			func(k *kennel) { k.problem = errors.New("no route") }, func(k *kennel) { k.problem, k.version = nil, "1" },
		}, "went back from 1000 to 1"},
		{"versions that are no numbers cannot be compared", []func(*kennel){func(k *kennel) { k.version = "abc" }, func(k *kennel) { k.version = "1" }}, ""},
		{"the cache has a session that was undone", []func(*kennel){func(k *kennel) { away(k); k.shown["b"] = "950" }, nothing, nothing}, "session open/b"},
		{"a session went back", []func(*kennel){func(k *kennel) { away(k); k.sessions["a"] = "890" }}, "session open/a"},
		{"a watch is late", []func(*kennel){func(k *kennel) { away(k); k.sessions["a"], k.sessions["b"] = "910", "920" }, nothing, nothing}, ""},
		{"it tells late that one is gone", []func(*kennel){
			func(k *kennel) { away(k); k.shown["b"] = "950" }, nothing, func(k *kennel) { delete(k.shown, "b") }, nothing,
		}, ""},
		{"without an outage nothing is compared", []func(*kennel){func(k *kennel) { k.shown["b"] = "950" }, nothing, nothing}, ""},
	} {
		k := newKennel()
		noError(t, k.look(t.Context()))
		for i, change := range row.changes {
			change(k)
			err := k.look(t.Context())
			isLast := i == len(row.changes)-1
			if ended := err != nil; ended != (isLast && row.ends != "") || ended && !strings.Contains(err.Error(), row.ends) {
				t.Errorf("%s: after change %d: %v", row.why, i+1, err)
			}
		}
	}
}

// TestTheProcessEndsForAnOpenedNamespaceOnceInTenMinutes: otherwise a tenant who opens and closes
// his would end it again and again.
func TestTheProcessEndsForAnOpenedNamespaceOnceInTenMinutes(t *testing.T) {
	t.Parallel()
	k := newKennel()
	k.refused["closed"] = true
	now := k.clock.Now()
	for _, step := range []struct {
		why       string
		restarted time.Time
		change    func()
		ends      bool
	}{
		{"it is closed", time.Time{}, func() {}, false},
		{"nobody answers", time.Time{}, func() { k.refused["closed"], k.problem = false, errors.New("no route") }, false},
		{"it is open, and was not before", time.Time{}, func() { k.problem = nil }, true},
		{"the process began anew just now", now.Add(time.Second - minServed), func() {}, false},
		{"it did ten minutes ago", now.Add(-minServed), func() {}, true},
		{"none was closed", time.Time{}, func() { k.namespaces.closed = nil }, false},
	} {
		step.change()
		k.restarted = step.restarted
		if err := k.look(t.Context()); (err != nil) != step.ends || err != nil && !strings.Contains(err.Error(), `namespace "closed"`) {
			t.Errorf("%s: %v", step.why, err)
		}
	}
}

// TestClosedNamespacesAreLeftOut, and named in the log and by the gauge.
func TestClosedNamespacesAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, names, refused string
		problem             error
		open, closed, err   string
	}{
		{"all are served", "", "", nil, "", "", ""},
		{"all can be read", "a b", "", nil, "a b", "", ""},
		{"one cannot", "a b c", "b", nil, "a c", "b", ""},
		{"nobody answers", "a b", "", errors.New("no route"), "a b", "", ""},
		{"none can", "a b", "a b", nil, "", "a b", "none of them can be watched"},
	} {
		k, logs := newKennel(), &bytes.Buffer{}
		k.problem = row.problem
		for _, name := range strings.Fields(row.refused) {
			k.refused[name] = true
		}
		o, err := parseFlags(nil, &bytes.Buffer{})
		noError(t, err)
		watched := metrics.NewNamespaceWatched(prometheus.NewRegistry())
		n, err := findNamespaces(t.Context(), k.cluster, strings.Fields(row.names), watched, newLogger(o, logs))
		if (err != nil) != (row.err != "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%s: %v", row.why, err)
		}
		if open, closed := strings.Join(n.open, " "), strings.Join(n.closed, " "); open != row.open || closed != row.closed {
			t.Errorf("%s: %q are open and %q closed, want %q and %q", row.why, open, closed, row.open, row.closed)
		}
		for _, name := range strings.Fields(row.names) {
			isClosed := strings.Contains(row.closed, name)
			if got := valueOf(t, watched.WithLabelValues(name)); (got == 0) != isClosed {
				t.Errorf("%s: the gauge of %s is %v", row.why, name, got)
			}
			if strings.Contains(logs.String(), fmt.Sprintf(`"namespace":%q`, name)) != isClosed {
				t.Errorf("%s: the log says\n%s", row.why, logs)
			}
		}
	}
}

// TestWhoDoesNotAnswerIsAway but who refuses is not, nor who was not waited for.
func TestWhoDoesNotAnswerIsAway(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		why    string
		method string
		status int
		ctx    context.Context
		url    string
		want   bool
	}{
		{"an answer", http.MethodGet, 200, t.Context(), server.URL, false},
		{"a refusal", http.MethodGet, 403, t.Context(), server.URL, false},
		{"one that is not waited for", http.MethodGet, 200, canceled, server.URL, false},
		{"etcd is down", http.MethodGet, 500, t.Context(), server.URL, true},
		{"a webhook is down", http.MethodPut, 500, t.Context(), server.URL, false},
		{"there is nobody", http.MethodGet, 0, t.Context(), "http://127.0.0.1:1", true},
	} {
		var away atomic.Bool
		config := &rest.Config{}
		noteAway(config, &away)
		client, err := rest.HTTPClientFor(config)
		noError(t, err)
		status = row.status
		request, err := http.NewRequestWithContext(row.ctx, row.method, row.url, http.NoBody)
		noError(t, err)
		if response, err := client.Do(request); err == nil {
			noError(t, response.Body.Close())
		}
		if got := away.Load(); got != row.want {
			t.Errorf("%s: away is %t", row.why, got)
		}
	}
}
