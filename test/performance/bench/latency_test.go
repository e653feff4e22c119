package main

import (
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestQuantiles(t *testing.T) {
	var row latencyRow
	if got := row.quantile(.5); got != 0 {
		t.Errorf("of nothing %s", got)
	}
	for i := range 200 {
		row.waits = append(row.waits, time.Duration(200-i)*time.Millisecond)
	}
	for share, want := range map[float64]int64{0: 1, .5: 100, .99: 198, .991: 199, 1: 200} {
		if got := row.quantile(share).Milliseconds(); got != want {
			t.Errorf("%v: %d ms, want %d ms", share, got, want)
		}
	}
}

// A renewal is as late as its Secret comes after the renewal time of the URL before, which may
// be seen after it: the watch of sessions can lag behind that of Secrets.
func TestLateness(t *testing.T) {
	o := &observer{arrivals: map[string][]arrival{}, due: map[string]time.Time{}}
	start := time.Now().Truncate(time.Second)
	session := func(url string, renewal time.Time) *v1alpha1.BillingSession {
		return &v1alpha1.BillingSession{
			ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: v1alpha1.BillingSessionStatus{URL: url, RenewalTime: &metav1.Time{Time: renewal}},
		}
	}
	secret := func(url string, expires time.Time) *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelSession: "a"}},
			Data: map[string][]byte{
				v1alpha1.SecretKeyURL: []byte(url), v1alpha1.SecretKeyExpire: []byte(strconv.FormatInt(expires.Unix(), 10)),
			},
		}
	}
	o.secret(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "of somebody else"}})
	o.secret(secret("first", start))
	o.secret(secret("first", start)) // its labels changed
	o.secret(secret("second", start.Add(time.Hour)))
	o.session(session("first", start.Add(-time.Second)))
	o.session(session("first", start.Add(time.Minute))) // put off
	o.secret(secret("third", start.Add(time.Hour)))     // nobody saw when the second was due
	arrivals := o.of("a")
	if len(arrivals) != 3 || len(o.arrivals) != 1 {
		t.Fatalf("%d URLs of %d sessions, want 3 of one", len(arrivals), len(o.arrivals))
	}
	want := []time.Duration{arrivals[1].at.Sub(start.Add(-time.Second))}
	if got := o.late([]string{"a", "none"}, start, time.Now()); !slices.Equal(got, want) {
		t.Errorf("late by %v, want %v", got, want)
	}
	if got := o.expired([]string{"a", "none"}, start, time.Now()); got != 1 {
		t.Errorf("%d URLs expired, want the first", got)
	}
	if got := o.late([]string{"a"}, time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)); len(got) > 0 {
		t.Errorf("late by %v in another time", got)
	}
}
