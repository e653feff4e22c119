package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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
	watchInterval = 10 * time.Second
	// maxLook bounds each request of the watchdog.
	maxLook = 10 * time.Second
	// comparisons are made at so many looks after the API server was away.
	comparisons = 3
	// minServed is how long at least lies between two restarts for namespaces that were opened, as
	// tenants can open and close theirs at will.
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

	// restarted is when the process last began anew for a namespace; zero for never.
	restarted time.Time
	// highest is the highest version of the cluster that was seen.
	highest string
	// toCompare counts the looks at which the caches are still to be compared with the cluster,
	// and absent is in how many of them in a row the cluster did not have a session.
	toCompare int
	absent    map[types.UID]int
}

// newWatchdog finds out which namespaces can be served. The caches are still to be set.
func newWatchdog(ctx context.Context, o options, cluster *rest.Config) (*watchdog, error) {
	w := &watchdog{selector: o.watchLabelSelector, clock: clock.RealClock{}, wasAway: &atomic.Bool{}, restarted: lastRestart()}
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
	if w.clock.Since(w.restarted) >= minServed {
		if err := w.namespaces.opened(ctx, w.cluster); err != nil {
			return err
		}
	}
	list, err := w.cluster.Resource(sessionsResource).Namespace(w.namespaces.open[0]).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	if isBelow(list.ResourceVersion, w.highest) {
		return fmt.Errorf("the cluster's resource version went back from %s to %s, as when etcd is restored from a backup; "+
			"the process ends to begin anew", w.highest, list.ResourceVersion)
	}
	w.highest = list.ResourceVersion
	if w.wasAway.Swap(false) {
		w.toCompare, w.absent = comparisons, nil
	}
	if w.toCompare == 0 {
		return nil
	}
	w.toCompare--
	return w.compare(ctx)
}

// compare returns an error if the cache shows a session in a version above the cluster's, or has
// shown one at each comparison that the cluster does not have. A restored cluster is soon above the
// version that was seen last, and its watches then tell nothing of what was undone. A cache that is
// late shows the opposite.
func (w *watchdog) compare(ctx context.Context) error {
	var cached v1alpha1.BillingSessionList
	if err := w.cached.List(ctx, &cached, client.UnsafeDisableDeepCopy); err != nil {
		return nil //nolint:nilerr // what is not answered says nothing
	}
	versions, err := w.versions(ctx)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	absent := map[types.UID]int{}
	for i := range cached.Items {
		session := &cached.Items[i]
		version, exists := versions[session.UID]
		if !exists {
			absent[session.UID] = w.absent[session.UID] + 1
		}
		if exists && isBelow(version, session.ResourceVersion) || absent[session.UID] == comparisons {
			return fmt.Errorf("session %s/%s is not as it was, as when etcd is restored from a backup; the process ends to begin anew",
				session.Namespace, session.Name)
		}
	}
	w.absent = absent
	return nil
}

// versions are those of the sessions in the cluster.
func (w *watchdog) versions(ctx context.Context) (map[types.UID]string, error) {
	versions := map[types.UID]string{}
	for _, namespace := range w.namespaces.open {
		list, err := w.cluster.Resource(sessionsResource).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: w.selector})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			versions[list.Items[i].UID] = list.Items[i].ResourceVersion
		}
	}
	return versions, nil
}

// isBelow reports whether version a is earlier than b. Versions that cannot be compared say nothing.
func isBelow(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
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
