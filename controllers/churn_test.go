package controllers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// churned is how many objects of each kind a tenant makes and deletes.
const churned = 1000

// TestNothingIsLeftOfWhatATenantDeleted: whatever the process remembers of names that a tenant
// makes up must go with the objects, or the tenant fills the process's memory.
func TestNothingIsLeftOfWhatATenantDeleted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what  string
		churn func(*tenant, int)
	}{
		{"sessions that are deleted before anybody looks", func(c *tenant, i int) {
			c.store.addSession(c.newSession(i))
			c.delete(i)
		}},
		{"sessions whose Secret is refused", func(c *tenant, i int) {
			c.store.refuse = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "any", errors.New("exceeded quota"))
			c.create(i)
			c.delete(i)
		}},
		{"key Secrets that outlive their sessions", func(c *tenant, i int) {
			c.addKey(i)
			c.create(i, builders.KeySecret(keyName(i)))
			c.delete(i)
			delete(c.store.secrets, c.named(keyName(i)))
		}},
		{"key Secrets that one session names one after the other", func(c *tenant, i int) {
			c.addKey(i)
			c.edit(builders.KeySecret(keyName(i)))
			delete(c.store.secrets, c.named(keyName(i)))
		}},
		{"entries of a Secret that another session names", func(c *tenant, i int) {
			c.create(i, builders.KeyEntry("entry-"+strconv.Itoa(i)))
			c.delete(i)
		}},
		{"entries that one session names one after the other", func(c *tenant, i int) {
			c.edit(builders.KeyEntry("entry-" + strconv.Itoa(i)))
		}},
		{"sessions that are made again with another entry", func(c *tenant, i int) {
			again := c.newSession(0, builders.KeyEntry("entry-"+strconv.Itoa(i)))
			c.store.addSession(again)
			again.UID = types.UID(strconv.Itoa(i))
			c.look(again.Name)
		}},
		{"sessions that are deleted during a pass", func(c *tenant, i int) {
			c.addKey(i)
			name := sessionName(i)
			c.store.onRead = func(secret types.NamespacedName) {
				if session := c.store.sessions[c.named(name)]; secret.Name == name && session != nil {
					c.deleteSession(session)
				}
			}
			session := c.newSession(i, builders.KeySecret(keyName(i)))
			c.store.addSession(session)
			c.look(name)
			c.look(name) // as the deletion enqueued it
			delete(c.store.secrets, c.named(keyName(i)))
		}},
		{"namespaces with a session and its key", func(c *tenant, i int) {
			c.in(namespaceName(i))
			c.addKey(i)
			c.create(i, builders.KeySecret(keyName(i)))
			c.deleteSecret(keyName(i))
			c.delete(i)
		}},
		{"namespaces that are deleted before the Secret is written", func(c *tenant, i int) {
			c.in(namespaceName(i))
			c.store.refuse = terminating(c.namespace)
			c.addKey(i)
			c.create(i, builders.KeySecret(keyName(i)))
			delete(c.store.secrets, c.named(keyName(i)))
			c.delete(i)
		}},
		{"key Secrets with a key each that the endpoint throttles", func(c *tenant, i int) {
			c.endpoint.onRequest = func() error { return &endpoint.ThrottledError{RetryAfter: time.Hour} }
			c.addKey(i)
			c.create(i, builders.KeySecret(keyName(i)))
			c.deleteSecret(keyName(i))
			c.delete(i)
		}},
		{"renew tokens", func(c *tenant, i int) {
			c.edit(builders.Annotated(v1alpha1.AnnotationRenewRequestedAt, fmt.Sprintf("%0100d", i)))
		}},
		{"keys in one Secret", func(c *tenant, i int) {
			c.store.add(builders.KeySecretOf("finance", "key", fmt.Sprintf("key-number-%d", i)))
			c.reconcile()
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			c := newTenant(t, Options{Concurrency: 2})
			row.churn(c, 0)
			before := c.held()
			for i := range churned {
				row.churn(c, i)
				if i%100 == 0 {
					c.clock.Step(time.Second)
				}
			}
			c.expectNothingLeft(before)
		})
	}
}

// TestNothingIsLeftOfSessionsThatWereDeletedInTheQueue: most have no turn before they go.
func TestNothingIsLeftOfSessionsThatWereDeletedInTheQueue(t *testing.T) {
	t.Parallel()
	for where, namespace := range map[string]func(int) string{
		"in one namespace":    func(int) string { return finance },
		"in a namespace each": namespaceName,
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			c := newTenant(t, Options{Concurrency: 2, QPS: 1, Burst: 2})
			before := c.held()
			for i := range churned {
				c.in(namespace(i))
				c.addKey(i)
				c.create(i, builders.KeySecret(keyName(i)))
			}
			if queued := c.r.dispatcher.Len(); queued < churned-10 {
				t.Fatalf("only %d sessions are queued", queued)
			}
			for i := range churned {
				c.in(namespace(i))
				delete(c.store.secrets, c.named(keyName(i)))
				c.delete(i)
			}
			c.expectNothingLeft(before)
		})
	}
}

// TestNoSeriesIsLeftOfWhatATenantDeleted has namespaces with a session each: some wait for a
// turn, some for a person. Each namespace has series while they are there.
func TestNoSeriesIsLeftOfWhatATenantDeleted(t *testing.T) {
	t.Parallel()
	for _, perSession := range []bool{false, true} {
		c := newTenant(t, Options{Concurrency: 2, QPS: 1, Burst: 2})
		scraped := c.scraped(perSession)
		before := seriesIn(t, scraped)
		for i := range churned {
			c.in(namespaceName(i))
			if i%2 == 0 { // the others have no key
				c.addKey(i)
			}
			c.create(i, builders.KeySecret(keyName(i)))
		}
		during := seriesIn(t, scraped)
		for i := range churned {
			c.in(namespaceName(i))
			delete(c.store.secrets, c.named(keyName(i)))
			c.delete(i)
		}
		after := seriesIn(t, scraped)
		t.Logf("series of sessions: %t: %d before, %d with %d namespaces, %d afterwards", perSession, before, during, churned, after)
		if during < churned {
			t.Errorf("%d series with %d namespaces: this shows nothing", during, churned)
		}
		if after > before+5 { // such as a reason that was not there before
			t.Errorf("%d series are left, of %d before", after, before)
		}
	}
}

// scraped is what Prometheus scrapes of a manager that leads.
func (c *tenant) scraped(perSession bool) *prometheus.Registry {
	leading := make(chan struct{})
	close(leading)
	c.r.metrics.RegisterQueueLength(c.r.dispatcher.Len)
	c.r.metrics.RegisterWaiting(leading, c.r.dispatcher.WaitingByNamespace)
	c.registry.MustRegister(&metrics.Sessions{Cache: c.store, Leading: leading, Clock: c.clock, PerSession: perSession})
	return c.registry
}

func seriesIn(t *testing.T, registry *prometheus.Registry) (n int) {
	t.Helper()
	families, err := registry.Gather()
	must(t, err)
	for _, family := range families {
		n += len(family.GetMetric())
	}
	return n
}

func sessionName(i int) string   { return "tenant-" + strconv.Itoa(i) }
func keyName(i int) string       { return "key-" + strconv.Itoa(i) }
func namespaceName(i int) string { return "namespace-" + strconv.Itoa(i) }

// terminating is how the API server refuses to create anything in a namespace that is being
// deleted.
func terminating(namespace string) error {
	err := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "any", errors.New("being terminated"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause, Message: namespace}}
	return err
}

// tenant makes and deletes objects, and lets the reconciler see what a cache would show.
type tenant struct {
	*stage
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	// namespace is where he is.
	namespace string
}

func newTenant(t *testing.T, options Options) *tenant {
	t.Helper()
	c := &tenant{stage: newStageWith(t, options), namespace: finance}
	c.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	c.queue.ShutDown() // nobody takes from it: the test says who is looked at
	c.reconcile()
	return c
}

func (c *tenant) in(namespace string) { c.namespace = namespace }

func (c *tenant) named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: c.namespace, Name: name}
}

func (c *tenant) look(name string) {
	c.t.Helper()
	c.pass(c.named(name))
}

func (c *tenant) newSession(i int, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	return builders.Session(sessionName(i), append(differences, builders.In(c.namespace), builders.Expiration(600))...)
}

func (c *tenant) create(i int, differences ...func(*v1alpha1.BillingSession)) {
	c.t.Helper()
	c.store.addSession(c.newSession(i, differences...))
	c.look(sessionName(i))
}

// edit changes the session that stays.
func (c *tenant) edit(differ func(*v1alpha1.BillingSession)) {
	c.t.Helper()
	after := c.store.sessions[acme].DeepCopy()
	differ(after)
	after.ResourceVersion = c.store.next()
	c.store.sessions[acme] = after
	c.reconcile()
}

func (c *tenant) delete(i int) {
	c.t.Helper()
	c.deleteSession(c.store.sessions[c.named(sessionName(i))])
	c.look(sessionName(i))
}

// deleteSession deletes it with its generated Secret, and says so as a watch does.
func (c *tenant) deleteSession(session *v1alpha1.BillingSession) {
	delete(c.store.sessions, client.ObjectKeyFromObject(session))
	c.r.afterSession().Delete(c.t.Context(), event.DeleteEvent{Object: session}, c.queue)
	if c.store.secrets[client.ObjectKeyFromObject(session)] != nil {
		c.deleteSecret(session.Name)
	}
}

func (c *tenant) addKey(i int) {
	c.store.add(builders.KeySecretOf(c.namespace, keyName(i), fmt.Sprintf("key-number-%d", i)))
}

func (c *tenant) deleteSecret(name string) {
	c.t.Helper()
	delete(c.store.secrets, c.named(name))
	deleted := &corev1.Secret{}
	deleted.Namespace, deleted.Name = c.namespace, name
	c.r.enqueueForSecret().Delete(c.t.Context(), event.DeleteEvent{Object: deleted}, c.queue)
}

// expectNothingLeft holds what is remembered against what was before, once the minutes have
// passed for which a key's pause and a session's last request are remembered on purpose.
func (c *tenant) expectNothingLeft(before holding) {
	c.t.Helper()
	c.store.onRead, c.store.refuse, c.endpoint.onRequest = nil, nil, nil
	c.in(finance)
	ctx, stop := context.WithCancel(c.t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = c.r.dispatcher.Start(ctx)
	}()
	c.clock.Step(time.Hour) // or, if it comes first, the dispatcher starts with this clock
	for range 2 {
		c.reconcile()
		c.clock.Step(time.Hour)
	}
	stop()
	<-stopped
	after := c.held()
	c.t.Logf("%d entries and %d bytes are remembered, %d and %d before", after.entries, after.bytes, before.entries, before.bytes)
	if after.entries > before.entries+20 || after.bytes > before.bytes+4<<10 {
		c.t.Errorf("the most in:\n%s", after.largest())
	}
}
