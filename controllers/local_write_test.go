package controllers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// TestWhoUndoesOurWrites gets the Secret back at once twice, then after waits that double up to a
// minute. A write that stays for a minute ends that.
func TestWhoUndoesOurWrites(t *testing.T) {
	t.Parallel()
	var p pendingWrite
	now := time.Now()
	waits := func() time.Duration { return max(p.state.RetryAt.Sub(now), 0) }
	for round := range 2 {
		p.succeeded(now)
		now = now.Add(undoneSoon)
		for i, want := range []int{0, 0, 1, 2, 4, 8, 16, 32, 60, 60} {
			least := time.Duration(want) * time.Second
			p.undone("another changes it", "uid", now)
			if got := waits(); got < least || got > least*5/4 || p.contested != (want > 0) {
				t.Errorf("round %d: the write %d is undone: waits %v, want %v and up to a quarter more", round, i, got, least)
			}
			before := p
			if p.undone("another changes it", "uid", now); p != before {
				t.Error("it is counted twice")
			}
			now = now.Add(waits())
			p.succeeded(now)
		}
	}
}

// TestAWriteThatFailsAndIsUndone counts once: the two would otherwise take turns.
func TestAWriteThatFailsAndIsUndone(t *testing.T) {
	t.Parallel()
	var p pendingWrite
	now := time.Now()
	for range 5 {
		now = now.Add(p.failed(renewal.WriteState{}, "etcd is slow", attemptedWrite{}, now))
		p.succeeded(now)
		p.undone("another changes it", "uid", now)
	}
	if wait := p.state.RetryAt.Sub(now); wait < 30*time.Second {
		t.Errorf("waits %v after ten failures", wait)
	}
}

// TestARefusalOfAnEarlierProcess is tried at most three times a minute: a restart of the operator
// would otherwise cost a namespace over its quota hundreds of dry runs.
func TestARefusalOfAnEarlierProcess(t *testing.T) {
	t.Parallel()
	session := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{UID: "uid"}}
	meta.SetStatusCondition(&session.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSecretWriteFailed,
	})
	started := time.Now()
	var p pendingWrite
	p.assume(session, started)
	tries := map[time.Duration]int{}
	for now := p.state.RetryAt; now.Sub(started) < 10*time.Minute; now = p.state.RetryAt {
		tries[now.Sub(started).Truncate(time.Minute)]++
		p.failed(renewal.WriteState{Refused: true}, "exceeded quota", attemptedWrite{}, now)
	}
	for minute, n := range tries {
		if n > 3 {
			t.Errorf("%d tries in the minute after %v", n, minute)
		}
	}
	if len(tries) < 4 {
		t.Errorf("hardly any tries: %v", tries)
	}
}
