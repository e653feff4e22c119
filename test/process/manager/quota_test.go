//go:build long

package manager

import (
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
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
	s, began := newStage(t), time.Now()
	each := func(do func(name string)) {
		for i := range sessions {
			do(fmt.Sprintf("acme-%d", i))
		}
	}
	lift := s.exhaustQuota()
	manager := s.StartManager(options...)
	each(func(name string) { s.Session(name, builders.Expiration(86400)) })
	each(func(name string) { s.Reaches(name, v1alpha1.ConditionStalled, v1alpha1.ReasonSecretWriteFailed) })
	t.Logf("all say so %s after the beginning", time.Since(began).Round(time.Second))
	asked := s.Standin.Total()
	if asked != sessions {
		t.Errorf("%d requests before the restarts, want one for each of %d sessions", asked, sessions)
	}

	for _, end := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		manager.Signal(end)
		_ = manager.Wait()
		manager = s.StartManager(options...)
		s.waitForDryRuns(manager, sessions)
		t.Logf("all were tried again %s after the beginning", time.Since(began).Round(time.Second))
		if got := s.Standin.Total() - asked; got > 0 {
			t.Fatalf("%d requests after %s and a restart, for Secrets that cannot be written", got, end)
		}
	}

	lift()
	env.EventuallyWithin(t, 10*time.Minute, "all sessions have a URL", func() string { // a refused write is tried again within that
		var secrets corev1.SecretList
		s.Must(s.Client.List(t.Context(), &secrets, client.InNamespace(s.Namespace), client.HasLabels{v1alpha1.LabelSession}))
		return env.Unless(len(secrets.Items) == sessions, fmt.Sprintf("%d of %d", len(secrets.Items), sessions))
	})
	if got := s.Standin.Total() - asked; got != sessions {
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
