package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/xtracta/billing-operator/controllers/endpoint"
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

// net/http logs what it finds on a connection before it has asked.
func TestAnAnswerBeforeTheQuestionIsNotQuoted(t *testing.T) {
	const login = "https://api-app.xtracta.com/v1/billings/index.html?t=somebody"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		if connection, err := listener.Accept(); err == nil {
			_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 61\r\n\r\n"+login)
		}
	}()
	o, err := parseFlags([]string{"--endpoint-url=http://" + listener.Addr().String() + "/"}, io.Discard)
	noError(t, err)
	var out env.Buffer
	defer log.SetFlags(log.Flags())
	defer log.SetOutput(log.Writer())
	setStandardLog(newLogger(o, &out))
	client, err := newEndpoint(o, nil)
	noError(t, err)
	key, err := endpoint.ParseKey([]byte("a key"))
	noError(t, err)
	deadline := time.Now().Add(time.Minute)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		for out.String() == "" && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
	}})
	if _, err := client.IssueURL(ctx, endpoint.Request{Key: key}); err == nil {
		t.Error("an answer to nobody's question is a grant")
	}
	if text := out.String(); !strings.Contains(text, `"msg":"Unsolicited response received on idle HTTP channel"`) || strings.Contains(text, "somebody") {
		t.Errorf("logged\n%s", text)
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

// Prometheus hangs up after its scrape_timeout, which an API server that is busy can exceed.
func TestAScraperThatHangsUpIsNoError(t *testing.T) {
	// A review of a token goes on for whoever asks next, so its client has nothing to tell.
	for review, lines := range map[string]int{"tokenreviews": 1, "subjectaccessreviews": 2} {
		t.Run(review, func(t *testing.T) {
			scrape := func(level string) string {
				o, err := parseFlags([]string{"--log-level=" + level}, io.Discard)
				noError(t, err)
				var out env.Buffer
				hangUpDuring(t, review, newLogger(o, &out))
				return out.String()
			}
			if text := scrape("debug"); strings.Count(text, `"ERROR"`) != lines {
				t.Errorf("the libraries do not log %d errors any more: isAbandonedScrape or isAbandonedReview can go:\n%s", lines, text)
			}
			if text := scrape("info"); text != "" {
				t.Errorf("this needs nobody's attention:\n%s", text)
			}
		})
	}
}

// libraries is the logger of the Kubernetes libraries. They read it without a lock, so that it
// is set once, and what it writes to changes.
var libraries = &switchedSink{}

func TestMain(m *testing.M) {
	klog.SetLogger(logr.New(libraries))
	os.Exit(m.Run())
}

func librariesLogTo(t *testing.T, log logr.Logger) {
	t.Helper()
	sink := log.GetSink()
	libraries.sink.Store(&sink)
	t.Cleanup(func() { libraries.sink.Store(nil) })
}

// switchedSink hands on to another one, if there is one.
type switchedSink struct{ sink atomic.Pointer[logr.LogSink] }

func (*switchedSink) Init(logr.RuntimeInfo) {}

func (s *switchedSink) Enabled(level int) bool {
	sink := s.sink.Load()
	return sink != nil && (*sink).Enabled(level)
}

func (s *switchedSink) Info(level int, message string, pairs ...any) {
	if sink := s.sink.Load(); sink != nil {
		(*sink).Info(level, message, pairs...)
	}
}

func (s *switchedSink) Error(err error, message string, pairs ...any) {
	if sink := s.sink.Load(); sink != nil {
		(*sink).Error(err, message, pairs...)
	}
}

func (s *switchedSink) WithValues(...any) logr.LogSink { return s }

func (s *switchedSink) WithName(string) logr.LogSink { return s }

// hangUpDuring scrapes metrics, and hangs up when the API server is asked for a review.
func hangUpDuring(t *testing.T, review string, log logr.Logger) {
	t.Helper()
	librariesLogTo(t, log)
	scraper, hangUp := context.WithCancel(t.Context())
	hungUp := make(chan struct{})
	apiServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, review) {
			hangUp()
			<-hungUp
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"authenticated":true,"user":{"username":"prometheus"}}}`)
	}))
	defer apiServer.Close()
	filter, err := filters.WithAuthenticationAndAuthorization(&rest.Config{Host: apiServer.URL}, apiServer.Client())
	noError(t, err)
	metrics, err := filter(log, http.NotFoundHandler())
	noError(t, err)
	request := httptest.NewRequestWithContext(scraper, http.MethodGet, "/metrics", nil)
	request.Header.Set("Authorization", "Bearer token")
	metrics.ServeHTTP(httptest.NewRecorder(), request)
	close(hungUp)
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		select {
		case <-mgr.Elected():
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := mgr.Start(ctx); err != nil {
		t.Errorf("an orderly stop returns %v", err)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatal("it does not lead within a minute")
	}
}
