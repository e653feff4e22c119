package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/cmd/version"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/metrics"
)

// newManager wires what the options say.
func newManager(ctx context.Context, o options) (ctrl.Manager, error) {
	usable := newCAGauge()
	client, err := newEndpoint(o, reportCAFile(ctrl.Log, o.endpointCAFile, usable))
	if err != nil {
		return nil, err
	}
	cluster, err := clusterConfig(o)
	if err != nil {
		return nil, err
	}
	if err := checkLeaseNamespace(o); err != nil {
		return nil, err
	}
	served, err := controllerOptions(o)
	if err != nil {
		return nil, err
	}
	dog, err := newWatchdog(ctx, o, cluster)
	if err != nil {
		return nil, err
	}
	held := &lease{clock: clock.RealClock{}}
	mgr, err := ctrl.NewManager(cluster, managerOptions(o, served, dog.namespaces.configs(), held.seenBy(cluster)))
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	dog.cached = mgr.GetCache()
	dependencies := dependenciesOf(mgr, client)
	if o.leaderElect {
		dependencies.Leads = held.isHeld
	}
	if err := controllers.New(dependencies, served).SetupWithManager(mgr, served.Controller()); err != nil {
		return nil, err
	}
	if err := registerSessionMetrics(mgr, o); err != nil {
		return nil, err
	}
	return mgr, errors.Join(ctrlmetrics.Registry.Register(usable), mgr.Add(everyReplica{dog}), addProbes(mgr))
}

func dependenciesOf(mgr ctrl.Manager, client *endpoint.Client) controllers.Dependencies {
	return controllers.Dependencies{
		Client:    mgr.GetClient(),
		APIReader: mgr.GetAPIReader(),
		Endpoint:  client,
		Clock:     clock.RealClock{},
		Events:    mgr.GetEventRecorder("billing-operator"),
		Metrics:   metrics.NewRequests(ctrlmetrics.Registry),
	}
}

func controllerOptions(o options) (controllers.Options, error) {
	selector, err := labels.Parse(o.watchLabelSelector)
	if err != nil {
		return controllers.Options{}, fmt.Errorf("--watch-label-selector: %w", err)
	}
	return controllers.Options{
		Concurrency: o.concurrency, QPS: o.endpointQPS, Burst: o.endpointBurst, SessionSelector: selector,
	}, nil
}

func registerSessionMetrics(mgr ctrl.Manager, o options) error {
	build := version.Get()
	metrics.RegisterBuildInfo(ctrlmetrics.Registry, build.Version, build.Revision, build.GoVersion)
	err := ctrlmetrics.Registry.Register(&metrics.Sessions{
		Cache: mgr.GetCache(), Leading: mgr.Elected(), Clock: clock.RealClock{}, PerSession: o.metricsPerSession,
	})
	if err != nil {
		return fmt.Errorf("set up metrics: %w", err)
	}
	return nil
}

func newEndpoint(o options, onCAFile func(error)) (*endpoint.Client, error) {
	return endpoint.New(endpoint.Config{
		URL:             o.endpointURL,
		AllowedURLHosts: o.allowedURLHosts,
		CAFile:          o.endpointCAFile,
		OnCAFile:        onCAFile,
		Timeout:         o.endpointTimeout,
		Clock:           clock.RealClock{},
		UserAgent:       version.Get().UserAgent("billing-operator"),
	})
}

func clusterConfig(o options) (*rest.Config, error) {
	load := config.GetConfig
	if o.kubeconfig != "" {
		load = func() (*rest.Config, error) { return clientcmd.BuildConfigFromFlags("", o.kubeconfig) }
	}
	cluster, err := load()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, errors.New("--kubeconfig: there is no cluster; name the file that says how to reach one, or set KUBECONFIG")
	case err != nil:
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	cluster.QPS = -1 // the API server's own priority and fairness paces us
	cluster.UserAgent = "billing-operator"
	return cluster, nil
}

// podNamespace is the file with the pod's own namespace; there is none outside a cluster.
const podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// checkLeaseNamespace holds that the lease has a namespace.
func checkLeaseNamespace(o options) error {
	if !o.leaderElect || o.leaderElectionNamespace != "" {
		return nil
	}
	if _, err := os.Stat(podNamespace); err != nil {
		return errors.New("--leader-election-namespace: must be set with --leader-elect outside a cluster")
	}
	return nil
}

func managerOptions(o options, served controllers.Options, namespaces map[string]cache.Config, election *rest.Config) ctrl.Options {
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme) // adding known types cannot fail
	_ = v1alpha1.AddToScheme(scheme)
	return ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			DefaultNamespaces: namespaces,
			ByObject:          served.Cached(),
		},
		Metrics:                       metricsOptions(o),
		HealthProbeBindAddress:        o.healthProbeBindAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              o.leaderElectionID,
		LeaderElectionNamespace:       o.leaderElectionNamespace,
		LeaderElectionConfig:          election,
		LeaseDuration:                 ptr.To(leaseDuration),
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       ptr.To(o.endpointTimeout + patience),
	}
}

func metricsOptions(o options) metricsserver.Options {
	served := metricsserver.Options{BindAddress: o.metricsBindAddress, SecureServing: o.metricsSecure}
	if o.metricsSecure {
		served.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return served
}

// addProbes makes the pod ready once its cache is filled.
// That the endpoint works is no part of it: a restart would not mend that.
func addProbes(mgr ctrl.Manager) error {
	var filled atomic.Bool
	fill := manager.RunnableFunc(func(ctx context.Context) error {
		filled.Store(mgr.GetCache().WaitForCacheSync(ctx))
		return nil
	})
	ready := func(*http.Request) error {
		if !filled.Load() {
			return errors.New("the cache is not filled yet")
		}
		return nil
	}
	return errors.Join(
		mgr.Add(everyReplica{fill}),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("cache", ready),
	)
}

// everyReplica runs on replicas that stand by, too.
type everyReplica struct{ manager.Runnable }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (everyReplica) NeedLeaderElection() bool { return false }
