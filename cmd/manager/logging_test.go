package main

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

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

// What controller-runtime calls an error and is none: a manager that is told to stop gives up its lease, and
// Prometheus hangs up after its scrape_timeout. TestABadDay of test/observability shows that these are its words.
func TestWhatIsNoTroubleIsNotLogged(t *testing.T) {
	canceled := errors.New("Post \"https://10.0.0.1/apis\": context canceled")
	for _, row := range []struct {
		message string
		err     error
		logged  bool
	}{
		{"error received after stop sequence was engaged", errors.New("leader election lost"), false},
		{"error received after stop sequence was engaged", errors.New("a cache did not end"), true},
		{"problem running manager", errors.New("leader election lost"), true},
		{"Authentication failed", canceled, false},
		{"Authorization for user prometheus failed", canceled, false},
		{"Authentication failed", errors.New("connection refused"), true},
		{"Failed to make webhook authenticator request: context canceled", nil, false},
	} {
		for level, logged := range map[string]bool{"info": row.logged, "debug": true} {
			o, err := parseFlags([]string{"--log-level=" + level}, io.Discard)
			noError(t, err)
			var out env.Buffer
			newLogger(o, &out).Error(row.err, row.message)
			if got := out.String() != ""; got != logged {
				t.Errorf("%s: %v: with level %s logged is %t", row.message, row.err, level, got)
			}
		}
	}
}

// TestMain sets the logger of the Kubernetes libraries once, as they read it without a lock.
func TestMain(m *testing.M) {
	klog.SetLogger(debugLogger())
	os.Exit(m.Run())
}

func debugLogger() logr.Logger { return newLogger(options{logLevel: "debug"}, io.Discard) }
