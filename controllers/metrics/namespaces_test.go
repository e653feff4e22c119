package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

func TestWaitingIsToldByNamespaceWhileItLasts(t *testing.T) {
	t.Parallel()
	leading, queued := make(chan struct{}), map[string]int{"finance": 3}
	registry := prometheus.NewRegistry()
	NewRequests(registry).RegisterWaiting(leading, func() map[string]int { return queued })
	expect := func(want map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, series(t, registry, "billingsession_namespace_queued_requests")); diff != "" {
			t.Error(diff)
		}
	}
	expect(map[string]float64{}) // a replica that stands by
	close(leading)
	expect(map[string]float64{"namespace=finance": 3})
	queued = nil
	expect(map[string]float64{})
}

func TestBlockedSessionsAreToldByNamespaceAndReason(t *testing.T) {
	t.Parallel()
	leading := make(chan struct{})
	close(leading)
	objects := []client.Object{
		blocked("finance", "one", v1alpha1.ConditionReady, v1alpha1.ReasonRejected),
		blocked("finance", "two", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonRejected),
		blocked("finance", "fought-over", v1alpha1.ConditionReady, v1alpha1.ReasonSecretWriteFailed),
		blocked("finance", "healthy", v1alpha1.ConditionReady, v1alpha1.ReasonIssued),
		blocked("finance", "endpoint-down", v1alpha1.ConditionReady, v1alpha1.ReasonUnavailable),
		builders.Session("new", builders.In("finance")),
	}
	suspended := blocked("finance", "suspended", v1alpha1.ConditionReady, v1alpha1.ReasonKeyInvalid)
	suspended.Spec.Suspend = true
	objects = append(objects, suspended)
	for i := range 25 {
		objects = append(objects, blocked(fmt.Sprintf("tenant-%02d", i), "keyless", v1alpha1.ConditionReady, v1alpha1.ReasonKeySecretMissing))
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&Sessions{
		Cache: fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build(), Leading: leading,
		Clock: testclock.NewFakePassiveClock(time.Unix(1_800_000_000, 0)), PerSession: true,
	})
	got := series(t, registry, "billingsession_namespace_blocked_sessions")
	want := map[string]float64{"namespace=finance reason=Rejected": 2, "namespace=finance reason=SecretWriteFailed": 1}
	for i := range 25 {
		want[fmt.Sprintf("namespace=tenant-%02d reason=KeySecretMissing", i)] = 1
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if ready := series(t, registry, "billingsession_ready"); len(ready) != len(objects) || ready["name=two namespace=finance"] != 1 || ready["name=one namespace=finance"] != 0 {
		t.Errorf("ready are %v, want two alone", ready)
	}
}

func blocked(namespace, name, condition, reason string) *v1alpha1.BillingSession {
	session := builders.Session(name, builders.In(namespace))
	session.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason}}
	if condition != v1alpha1.ConditionReady {
		session.Status.Conditions = []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIssued},
			{Type: condition, Status: metav1.ConditionTrue, Reason: reason},
		}
	}
	return session
}

// series are the values of a metric by its labels.
func series(t *testing.T, registry prometheus.Gatherer, name string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			values[strings.Join(labels, " ")] = metric.GetGauge().GetValue()
		}
	}
	return values
}
