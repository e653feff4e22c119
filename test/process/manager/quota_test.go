//go:build long

package manager

import (
	"fmt"
	"os"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestRestartOverQuotaSpendsNoRequest starts managers in a namespace whose quota refuses the
// Secrets of all sessions. What the one before knew of that went with it, but the status tells.
func TestRestartOverQuotaSpendsNoRequest(t *testing.T) {
	t.Parallel()
	const sessions = 100
	options := []string{"--endpoint-qps=0", "--concurrency=64", "--log-level=info"}
	f, began := newFleet(t), time.Now()
	lift := f.exhaustQuota()
	refused := f.countRefused()
	manager := f.StartManager(options...)
	f.createAll("acme", sessions, builders.Expiration(86400))
	env.EventuallyWithin(t, 2*env.Patience, "all sessions say that their Secrets are refused", func() string {
		return env.Unless(refused() == sessions, fmt.Sprintf("%d of %d", refused(), sessions))
	})
	t.Logf("all say so %s after the beginning", time.Since(began).Round(time.Second))
	asked := f.Standin.Total()
	if asked != sessions {
		t.Errorf("%d requests before the restarts, want one for each of %d sessions", asked, sessions)
	}

	for _, end := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		manager.Signal(end)
		_ = manager.Wait()
		manager = f.StartManager(options...)
		f.waitForDryRuns(manager, sessions)
		t.Logf("all were tried again %s after the beginning", time.Since(began).Round(time.Second))
		if got := f.Standin.Total() - asked; got > 0 {
			t.Fatalf("%d requests after %s and a restart, for Secrets that cannot be written", got, end)
		}
	}

	lift()
	env.EventuallyWithin(t, 10*time.Minute, "all sessions have a URL", func() string { // a refused write is tried again within that
		return env.Unless(len(f.First("acme")) == sessions, fmt.Sprintf("%d of %d", len(f.First("acme")), sessions))
	})
	if got := f.Standin.Total() - asked; got != sessions {
		t.Errorf("%d requests once the quota is lifted, want one for each of %d sessions", got, sessions)
	}
}

// exhaustQuota allows no Secret more than there are. The test stands in for the quota
// controller, which counts what there is; the API server enforces what it has counted.
func (s *stage) exhaustQuota() (lift func()) {
	s.T.Helper()
	var secrets corev1.SecretList
	s.Must(s.Client.List(s.T.Context(), &secrets, client.InNamespace(s.Namespace)))
	all := corev1.ResourceList{"count/secrets": *resource.NewQuantity(int64(len(secrets.Items)), resource.DecimalSI)}
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "secrets"}, Spec: corev1.ResourceQuotaSpec{Hard: all},
	}
	s.Create(quota)
	quota.Status = corev1.ResourceQuotaStatus{Hard: all, Used: all}
	s.Must(s.Client.Status().Update(s.T.Context(), quota))
	s.Eventually("the quota is in force", func() string {
		err := s.Client.Create(s.T.Context(), builders.ForeignSecret(s.Namespace, "probe"), client.DryRunAll)
		return env.Unless(apierrors.IsForbidden(err), fmt.Sprint(err))
	})
	return func() { s.Delete(quota) }
}

// countRefused counts the sessions that say, at any time, that a person must make it possible to
// write their Secrets.
func (s *stage) countRefused() (count func() int) {
	s.T.Helper()
	var (
		mu      sync.Mutex
		refused = sets.New[string]()
	)
	note := func(object any) {
		session := object.(*v1alpha1.BillingSession)
		stalled := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionStalled)
		if stalled != nil && stalled.Reason == v1alpha1.ReasonSecretWriteFailed {
			mu.Lock()
			defer mu.Unlock()
			refused.Insert(session.Name)
		}
	}
	s.inform(&v1alpha1.BillingSession{}, toolscache.ResourceEventHandlerFuncs{
		AddFunc: note, UpdateFunc: func(_, now any) { note(now) },
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return refused.Len()
	}
}

var failedWrite = regexp.MustCompile(`could not be written.* secret=(\S+)`)

// waitForDryRuns waits until a manager has found that n Secrets cannot be written.
func (s *stage) waitForDryRuns(manager *env.Manager, n int) {
	s.T.Helper()
	const pace = time.Second // the log is long
	found, next := sets.New[string](), time.Time{}
	env.EventuallyWithin(s.T, 2*env.Patience, "all Secrets are tried", func() string {
		if time.Now().After(next) {
			for _, match := range failedWrite.FindAllStringSubmatch(manager.Out.String(), -1) {
				found.Insert(match[1])
			}
			next = time.Now().Add(pace)
		}
		return env.Unless(found.Len() == n, fmt.Sprintf("%d of %d", found.Len(), n))
	})
}
