package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/metrics"
)

const (
	// watchInterval is how often the watchdog looks.
	watchInterval = 15 * time.Second
	// maxLook bounds each request of the watchdog.
	maxLook = 10 * time.Second
	// comparisons are made at so many looks after the API server was away.
	comparisons = 3
	// minServed is how long a process serves at least before it ends to serve one namespace more.
	// A new process does not know when the one before it ended.
	minServed = 10 * time.Minute
)

var sessionsResource = v1alpha1.GroupVersion.WithResource("billingsessions")

// watchdog ends the process when its past is no longer true: when the cluster's etcd was restored
// from a backup, or a namespace can be read that was left out. What starts it again fills the
// caches anew, and spends no request on what is not due.
type watchdog struct {
	cluster  metadata.Interface
	cached   client.Reader
	selector string
	// namespaces are those that are served.
	namespaces namespaces
	// wasAway is set when an API server did not answer a request of this process.
	wasAway *atomic.Bool
	clock   clock.WithTicker

	started time.Time
	// highest is the highest version of the cluster that was seen.
	highest string
	// toCompare counts the looks at which the caches are still to be compared with the cluster,
	// and differences is what the last comparison found.
	toCompare   int
	differences map[string]bool
}

// newWatchdog finds out which namespaces can be served. The caches are still to be set.
func newWatchdog(ctx context.Context, o options, cluster *rest.Config) (*watchdog, error) {
	w := &watchdog{selector: o.watchLabelSelector, clock: clock.RealClock{}, wasAway: &atomic.Bool{}}
	noteAway(cluster, w.wasAway)
	config := rest.CopyConfig(cluster)
	config.Timeout = maxLook
	var err error
	if w.cluster, err = metadata.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("set up the watchdog: %w", err)
	}
	w.namespaces, err = findNamespaces(ctx, w.cluster, o.watchNamespaces, metrics.NewNamespaceWatched(ctrlmetrics.Registry), ctrl.Log)
	return w, err
}

// Start implements manager.Runnable. Its error ends the process.
func (w *watchdog) Start(ctx context.Context) error {
	w.started = w.clock.Now()
	ticker := w.clock.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// look returns an error if the process must end. What is not answered says nothing.
func (w *watchdog) look(ctx context.Context) error {
	if w.clock.Since(w.started) >= minServed {
		if err := w.namespaces.opened(ctx, w.cluster); err != nil {
			return err
		}
	}
	list, err := w.cluster.Resource(sessionsResource).Namespace(w.namespaces.open[0]).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	order, err := resourceversion.CompareResourceVersion(list.ResourceVersion, w.highest)
	if err == nil && order < 0 {
		return fmt.Errorf("the cluster's resource version went back from %s to %s, as when etcd is restored from a backup; "+
			"the process ends to begin anew", w.highest, list.ResourceVersion)
	}
	w.highest = list.ResourceVersion
	if w.wasAway.Swap(false) {
		w.toCompare, w.differences = comparisons, nil
	}
	if w.toCompare == 0 {
		return nil
	}
	w.toCompare--
	return w.compare(ctx)
}

// compare returns an error if the caches show twice in a row the same that the cluster does not.
// A cluster that was restored to a moment ago is soon above the version that was seen last, and
// its watches then tell nothing of what was undone.
func (w *watchdog) compare(ctx context.Context) error {
	before := w.differences
	differences, err := w.findDifferences(ctx)
	if err != nil {
		return nil //nolint:nilerr // what is not answered says nothing
	}
	w.differences = differences
	for difference := range differences {
		if before[difference] {
			return fmt.Errorf("the cache of sessions differs from the cluster (%s), as when etcd is restored from a backup; "+
				"the process ends to begin anew", difference)
		}
	}
	return nil
}

func (w *watchdog) findDifferences(ctx context.Context) (map[string]bool, error) {
	var cached v1alpha1.BillingSessionList
	if err := w.cached.List(ctx, &cached, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	differences := map[string]bool{}
	for i := range cached.Items {
		differences["only the cache has "+versionOf(&cached.Items[i])] = true
	}
	for _, namespace := range w.namespaces.open {
		list, err := w.cluster.Resource(sessionsResource).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: w.selector})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			version := versionOf(&list.Items[i])
			if inCache := "only the cache has " + version; differences[inCache] {
				delete(differences, inCache)
			} else {
				differences["only the cluster has "+version] = true
			}
		}
	}
	return differences, nil
}

func versionOf(object metav1.Object) string {
	return fmt.Sprintf("%s/%s %s in version %s", object.GetNamespace(), object.GetName(), object.GetUID(), object.GetResourceVersion())
}

// noteAway has clients of the configuration set away when an API server does not answer what they
// read. Writes also fail because of webhooks.
func noteAway(config *rest.Config, away *atomic.Bool) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return answers{next, away} })
}

type answers struct {
	http.RoundTripper
	away *atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := a.RoundTripper.RoundTrip(request)
	isAway := err != nil || response.StatusCode >= http.StatusInternalServerError
	if isAway && request.Method == http.MethodGet && request.Context().Err() == nil {
		a.away.Store(true)
	}
	return response, err
}
