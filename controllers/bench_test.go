package controllers

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// BenchmarkReconcileAtRest is what a pass costs that finds nothing to do.
func BenchmarkReconcileAtRest(b *testing.B) {
	for _, sessions := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("%d sessions", sessions), func(b *testing.B) {
			r, store := newBenchReconciler(sessions)
			reconcile := func(i int) {
				name := types.NamespacedName{Namespace: "finance", Name: "session-" + strconv.Itoa(i%sessions)}
				if _, err := r.Reconcile(b.Context(), ctrl.Request{NamespacedName: name}); err != nil {
					b.Fatal(err)
				}
			}
			for i := range sessions {
				reconcile(i) // issues the URL
			}
			written, pass := store.writes, 0
			if written != 2*sessions {
				b.Fatalf("%d writes, want a Secret and a status for each of %d sessions", written, sessions)
			}
			b.ReportAllocs()
			for b.Loop() {
				reconcile(pass)
				pass++
			}
			if store.writes != written {
				b.Fatalf("%d writes at rest", store.writes-written)
			}
		})
	}
}

func newBenchReconciler(sessions int) (*Reconciler, *memoryStore) {
	return newMemoryReconciler(sessions, Options{Concurrency: 1})
}

func newMemoryReconciler(sessions int, options Options) (*Reconciler, *memoryStore) {
	store := &memoryStore{
		sessions: map[types.NamespacedName]*v1alpha1.BillingSession{},
		secrets:  map[types.NamespacedName]*corev1.Secret{},
	}
	store.add(builders.KeySecretOf("finance", "key", "key-of-the-group"))
	for i := range sessions {
		session := builders.Session("session-"+strconv.Itoa(i), builders.In("finance"), builders.Expiration(600))
		store.addSession(session)
	}
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	return New(Dependencies{
		Client: store, APIReader: store, Clock: clock, Endpoint: generous{clock},
		Events: &events.FakeRecorder{}, Metrics: metrics.NewRequests(prometheus.NewRegistry()),
	}, options), store
}

// generous grants whatever it is asked for.
type generous struct{ clock *clocktesting.FakeClock }

func (generous) CheckURL(text string) error { return endpoint.URLPolicy{}.Check(text) }

func (generous) URL() string { return "https://api.example/v1/billings/billing_ui" }

func (g generous) IssueURL(_ context.Context, r endpoint.Request) (endpoint.Grant, error) {
	return endpoint.Grant{
		URL:    endpoint.NewURL("https://api.example/v1/billings/index.html?t=a-token-of-some-length"),
		Expire: g.clock.Now().Add(time.Duration(r.ExpirationSeconds) * time.Second),
		Issued: g.clock.Now(),
	}, nil
}

// memoryStore gives copies of what it holds, as a cache does, and takes writes as
// an API server does.
type memoryStore struct {
	client.Client
	sessions map[types.NamespacedName]*v1alpha1.BillingSession
	secrets  map[types.NamespacedName]*corev1.Secret
	version  int
	writes   int
	// onRead is called before a Secret or its metadata is read; nil for nothing.
	onRead func(types.NamespacedName)
	// refuse is the error of every write of a Secret; nil for none.
	refuse error
}

func (s *memoryStore) addSession(session *v1alpha1.BillingSession) {
	session.UID, session.ResourceVersion = types.UID("uid-"+session.Name), "1"
	session.Status.ObservedGeneration = -1
	s.sessions[client.ObjectKeyFromObject(session)] = session
}

func (s *memoryStore) next() string {
	s.version++
	return strconv.Itoa(100 + s.version)
}

func (s *memoryStore) add(secret *corev1.Secret) {
	secret.UID, secret.ResourceVersion = types.UID("uid-"+secret.Name), s.next()
	s.secrets[client.ObjectKeyFromObject(secret)] = secret.DeepCopy()
}

func (s *memoryStore) Get(_ context.Context, name types.NamespacedName, into client.Object, _ ...client.GetOption) error {
	if _, ok := into.(*v1alpha1.BillingSession); !ok && s.onRead != nil {
		s.onRead(name)
	}
	secret := s.secrets[name]
	switch into := into.(type) {
	case *v1alpha1.BillingSession:
		if session := s.sessions[name]; session != nil {
			session.DeepCopyInto(into)
			return nil
		}
	case *corev1.Secret:
		if secret != nil {
			secret.DeepCopyInto(into)
			return nil
		}
	case *metav1.PartialObjectMetadata:
		if secret != nil {
			into.ObjectMeta = *secret.ObjectMeta.DeepCopy()
			_, err := stripSecret(into)
			return err
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, name.Name)
}

// List finds all sessions, or those that a field selects.
func (s *memoryStore) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	wanted := (&client.ListOptions{}).ApplyOptions(options)
	sessions, ok := into.(*v1alpha1.BillingSessionList)
	if !ok {
		return nil
	}
	var field fields.Requirement
	if wanted.FieldSelector != nil {
		field = wanted.FieldSelector.Requirements()[0]
	}
	for name, session := range s.sessions {
		if field.Field == "" || name.Namespace == wanted.Namespace && fieldOf(session, field.Field) == field.Value {
			sessions.Items = append(sessions.Items, *session)
		}
	}
	return nil
}

func fieldOf(session *v1alpha1.BillingSession, field string) string {
	switch field {
	case indexKeySecret:
		return session.Spec.APIKeySecretRef.Name
	case indexSecretName:
		return secret.NameFor(session)
	}
	return session.Name
}

func (s *memoryStore) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	s.writes++
	if s.refuse != nil {
		return s.refuse
	}
	s.add(object.(*corev1.Secret)) //nolint:forcetypeassert // nothing else is created
	return nil
}

func (s *memoryStore) Update(_ context.Context, object client.Object, _ ...client.UpdateOption) error {
	s.writes++
	if s.refuse != nil {
		return s.refuse
	}
	secret := object.(*corev1.Secret) //nolint:forcetypeassert // nothing else is updated
	s.add(secret)
	return nil
}

// Patch merges, as a merge patch that removes nothing does.
func (s *memoryStore) Patch(ctx context.Context, object client.Object, _ client.Patch, _ ...client.PatchOption) error {
	patched := object.(*corev1.Secret) //nolint:forcetypeassert // nothing else is patched
	merged := s.secrets[client.ObjectKeyFromObject(patched)].DeepCopy()
	maps.Copy(merged.Labels, patched.Labels)
	maps.Copy(merged.Annotations, patched.Annotations)
	maps.Copy(merged.Data, patched.Data)
	err := s.Update(ctx, merged)
	*patched = *merged
	return err
}

func (s *memoryStore) Status() client.SubResourceWriter { return statusStore{store: s} }

type statusStore struct {
	client.SubResourceWriter
	store *memoryStore
}

func (s statusStore) Patch(_ context.Context, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	s.store.writes++
	object.SetResourceVersion(s.store.next())
	s.store.sessions[client.ObjectKeyFromObject(object)] = object.(*v1alpha1.BillingSession).DeepCopy() //nolint:forcetypeassert // only sessions have one
	return nil
}
