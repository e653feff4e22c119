//go:build long

package manager

import (
	"context"
	"fmt"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/performance/simulation"
	"github.com/xtracta/billing-operator/test/standin"
)

// loadKeys is how many API keys the sessions of a fleet share.
const loadKeys = 50

// fleet is many sessions in one stage, watched from outside.
type fleet struct {
	*stage
	*simulation.Ledger
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	s := newStage(t, standin.AcceptAnyKey())
	f := &fleet{s, s.watchURLs()}
	for i := range loadKeys {
		f.Create(builders.KeySecretOf(f.Namespace, loadKey(i), loadKey(i)))
	}
	return f
}

func loadKey(i int) string { return fmt.Sprintf("key-%d", i) }

// watchURLs keeps each URL that appears in a generated Secret.
func (s *stage) watchURLs() *simulation.Ledger {
	s.T.Helper()
	var urls simulation.Ledger
	s.inform(&corev1.Secret{}, toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { urls.Note(nil, o.(*corev1.Secret)) },
		UpdateFunc: func(o, n any) { urls.Note(o.(*corev1.Secret), n.(*corev1.Secret)) },
	})
	return &urls
}

// inform tells a handler of all objects of a kind in the stage. A watch alone would end when it
// falls behind.
func (s *stage) inform(kind client.Object, handler toolscache.ResourceEventHandler) {
	s.T.Helper()
	objects, err := cache.New(s.Cluster.Config(), cache.Options{
		Scheme: env.Scheme(), DefaultNamespaces: map[string]cache.Config{s.Namespace: {}},
	})
	s.Must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = objects.Start(ctx) })
	s.T.Cleanup(func() { cancel(); running.Wait() })
	informer, err := objects.GetInformer(ctx, kind)
	s.Must(err)
	_, err = informer.AddEventHandler(handler)
	s.Must(err)
}

// createAll creates n sessions of a kind, some at a time.
func (f *fleet) createAll(kind string, n int, differences ...func(*v1alpha1.BillingSession)) {
	f.T.Helper()
	var creators sync.WaitGroup
	const atOnce = 8
	for creator := range atOnce {
		creators.Go(func() {
			for i := creator; i < n; i += atOnce {
				session := builders.Session(fmt.Sprintf("%s-%d", kind, i), append([]func(*v1alpha1.BillingSession){
					builders.In(f.Namespace), builders.KeySecret(loadKey(i % loadKeys)),
				}, differences...)...)
				if err := f.Client.Create(f.T.Context(), session); err != nil {
					f.T.Error(err)
					return
				}
			}
		})
	}
	creators.Wait()
}
