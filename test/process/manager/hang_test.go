//go:build long

package manager

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/performance/simulation"
)

const (
	// heldUp is how many sessions of one namespace wait for calls that hang: more than a
	// manager has workers.
	heldUp = 80
	// behindWebhook is how many sessions of each of three namespaces wait for a webhook. If they
	// had all workers, one after the other, others would wait for minutes.
	behindWebhook = 240
	// The others are renewed about 30 seconds after they were issued, with 140 seconds left.
	life, margin = 180, 140
)

// TestCallsThatHangHoldUpTheirOwnNamespaceOnly lets calls of one namespace hang, as behind a
// slow webhook, while sessions of another one are due.
func TestCallsThatHangHoldUpTheirOwnNamespaceOnly(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what   string
		others int
		hangs  func(r *http.Request) bool
	}{
		{"reads of keys", 200, func(r *http.Request) bool {
			return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/secrets/")
		}},
		{"writes of Secrets", 60, func(r *http.Request) bool {
			return r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/secrets")
		}},
		{"writes of statuses", 60, func(r *http.Request) bool {
			return r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/status")
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			w := newTenants(t)
			w.makeOther()
			w.grant(w.other.Namespace, "billingsessions")
			w.grant(w.other.Namespace, "secrets")
			w.serve("--watch-namespaces", w.Namespace+","+w.other.Namespace, "--endpoint-qps", "100", "--endpoint-burst", "100")
			renewals := w.watchURLs()
			w.issuedShortly(row.others)

			release := w.proxy.hangOn(func(r *http.Request) bool {
				return strings.Contains(r.URL.Path, "/namespaces/"+w.other.Namespace+"/") && row.hangs(r)
			})
			for i := range heldUp {
				w.other.WithOwnKey(held(i))
			}
			w.renewedInTime(renewals, row.others)
			if n := w.proxy.hungRequests(); n < 10 {
				t.Errorf("%d requests hung: this shows nothing", n)
			}

			release()
			for i := range heldUp {
				w.other.Ready(held(i))
				if n := w.other.RequestsSince(held(i), time.Time{}); n != 1 {
					t.Errorf("%s: %d requests to the endpoint, want 1", held(i), n)
				}
			}
		})
	}
}

func held(i int) string { return fmt.Sprintf("held-up-%d", i) }

// TestAWebhookThatHangsHoldsUpItsOwnNamespacesOnly has one webhook for the Secrets of several
// namespaces, which answers no review, while sessions of another namespace are due. The API
// server refuses each write after ten seconds.
func TestAWebhookThatHangsHoldsUpItsOwnNamespacesOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	label := map[string]string{"reviewed-by": s.Namespace}
	watched := []string{s.Namespace}
	var tenants []*stage
	for i := range 3 {
		tenant := *s.Stage
		tenant.Namespace = fmt.Sprintf("%s-%d", s.Namespace, i)
		s.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant.Namespace, Labels: label}})
		tenant.GiveKey("key", s.Key)
		watched, tenants = append(watched, tenant.Namespace), append(tenants, &stage{&tenant})
	}
	webhook := s.hangingWebhook(label)
	s.Create(webhook)
	s.Eventually("the webhook hangs", func() string {
		err := s.Client.Create(t.Context(), builders.KeySecretOf(tenants[0].Namespace, "rehearsal", ""), client.DryRunAll)
		return env.Unless(err != nil, "not yet")
	})
	s.StartManager("--watch-namespaces", strings.Join(watched, ","), "--endpoint-qps", "100", "--endpoint-burst", "100")
	const others = 60
	renewals := s.watchURLs()
	s.issuedShortly(others)
	for _, tenant := range tenants {
		for i := range behindWebhook {
			tenant.Session(held(i))
		}
	}
	s.renewedInTime(renewals, others)

	s.Delete(webhook)
	for _, tenant := range tenants {
		for i := range behindWebhook {
			tenant.Ready(held(i))
		}
	}
}

// hangingWebhook is to review the Secrets in the namespaces with the labels, and never answers.
func (s *stage) hangingWebhook(namespaces map[string]string) *admissionv1.ValidatingWebhookConfiguration {
	s.T.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // connections wait to be accepted
	s.Must(err)
	s.T.Cleanup(func() { _ = listener.Close() })
	webhook := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.Namespace},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name:                    "hangs.example.com",
			ClientConfig:            admissionv1.WebhookClientConfig{URL: ptr.To("https://" + listener.Addr().String())},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: namespaces},
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             ptr.To(admissionv1.SideEffectClassNone),
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
			}},
		}},
	}
	s.T.Cleanup(func() { _ = s.Client.Delete(context.Background(), webhook) }) //nolint:usetesting // after the test's own context
	return webhook
}

// issuedShortly makes sessions that are due soon.
func (s *stage) issuedShortly(n int) {
	s.T.Helper()
	for i := range n {
		s.Session(fmt.Sprintf("acme-%d", i), builders.Expiration(life), builders.RenewBefore(margin))
	}
	for i := range n {
		s.Ready(fmt.Sprintf("acme-%d", i))
	}
}

// renewedInTime waits until each of n sessions is renewed twice more, and holds that every URL is
// replaced while at least half of its margin is left.
func (s *stage) renewedInTime(urls *simulation.Ledger, n int) {
	s.T.Helper()
	before := len(urls.Seen())
	least := margin * time.Second
	env.EventuallyWithin(s.T, 3*env.Patience, "all are renewed twice", func() string {
		renewed := map[string]int{}
		for _, r := range urls.Seen()[before:] {
			renewed[r.Session]++
			least = min(least, r.Old.Sub(r.At))
		}
		maps.DeleteFunc(renewed, func(_ string, times int) bool { return times < 2 })
		return env.Unless(len(renewed) == n, fmt.Sprintf("%d of %d", len(renewed), n))
	})
	s.T.Logf("each was renewed with at least %s of %d s left", least.Round(time.Second), margin)
	if least < margin/2*time.Second {
		s.T.Errorf("one was renewed with %s left, want at least half of %d s", least, margin)
	}
}

// watchURLs keeps each URL that appears in a generated Secret of the stage. A watch alone would end
// when it falls behind.
func (s *stage) watchURLs() *simulation.Ledger {
	s.T.Helper()
	objects, err := cache.New(s.Cluster.Config(), cache.Options{
		Scheme: env.Scheme(), DefaultNamespaces: map[string]cache.Config{s.Namespace: {}},
	})
	s.Must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = objects.Start(ctx) })
	s.T.Cleanup(func() { cancel(); running.Wait() })
	informer, err := objects.GetInformer(ctx, &corev1.Secret{})
	s.Must(err)
	var urls simulation.Ledger
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { urls.Note(nil, o.(*corev1.Secret)) },
		UpdateFunc: func(o, n any) { urls.Note(o.(*corev1.Secret), n.(*corev1.Secret)) },
	})
	s.Must(err)
	return &urls
}
