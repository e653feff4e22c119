package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/xtracta/billing-operator/test/env"
)

// Caches that are not filled yet are no news, once for each probe.
func TestProbesThatFailAreNotLogged(t *testing.T) {
	setLogger(t)
	probes := &healthz.Handler{Checks: map[string]healthz.Checker{
		"caches": func(*http.Request) error { return errors.New("not yet") },
	}}
	answer := httptest.NewRecorder()
	probes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	ctrl.Log.WithName("setup").Info("something else")
	text := logged.String()
	if answer.Code == http.StatusOK || strings.Contains(text, "not yet") || strings.Contains(text, "healthz") {
		t.Errorf("answered %d, and logged\n%s", answer.Code, text)
	}
	if !strings.Contains(text, "something else") {
		t.Errorf("nothing else is logged either: %q", text)
	}
}

// logged is what the process's one logger wrote. controller-runtime takes the first one that it is given.
var logged env.Buffer

func setLogger(t *testing.T) {
	t.Helper()
	o, err := parseFlags(nil, io.Discard)
	noError(t, err)
	ctrl.SetLogger(newLogger(o, &logged).WithValues("pod", "a"))
}

// A manager that is told to stop gives up its lease. An error in its log would wake somebody.
func TestAnOrderlyStopIsNoError(t *testing.T) {
	stop := func(level string) string {
		o, err := parseFlags([]string{"--log-level=" + level}, io.Discard)
		noError(t, err)
		var out env.Buffer
		startAndStop(t, ctrl.Options{Logger: newLogger(o, &out)})
		return out.String()
	}
	const lost = "leader election lost"
	// Whether controller-runtime logs it depends on who is faster.
	deadline := time.Now().Add(time.Minute)
	for seen := false; !seen; {
		if time.Now().After(deadline) {
			t.Fatal("controller-runtime does not say so any more: isReleasedLease can go")
		}
		seen = strings.Contains(stop("debug"), lost)
		if text := stop("info"); strings.Contains(text, lost) {
			t.Fatalf("an orderly stop is logged as an error:\n%s", text)
		}
	}
}

// startAndStop lets a manager lead, and then tells it to stop.
func startAndStop(t *testing.T, options ctrl.Options) {
	t.Helper()
	leases := fake.NewClientset()
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, "system", "lease", leases.CoreV1(), leases.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: "pod"})
	noError(t, err)
	options.LeaderElection, options.LeaderElectionReleaseOnCancel = true, true
	options.LeaderElectionResourceLockInterface = lock
	options.Metrics = metricsserver.Options{BindAddress: "0"}
	mgr, err := ctrl.NewManager(&rest.Config{Host: "127.0.0.1:1"}, options)
	noError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-mgr.Elected()
		cancel()
	}()
	if err := mgr.Start(ctx); err != nil {
		t.Errorf("an orderly stop returns %v", err)
	}
}
