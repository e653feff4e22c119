package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// oddCluster is an API server whose clock is ahead of this machine's. It lets nobody read
// Secrets, and handles renew requests at once.
type oddCluster struct {
	ahead    time.Duration
	sessions []v1alpha1.BillingSession
}

func newOddCluster(ahead time.Duration) *oddCluster {
	begin := time.Now().Add(ahead)
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: begin.Add(d)} }
	with := func(name string, life, renews time.Duration) v1alpha1.BillingSession {
		s := session(name, issued(0, 0))
		s.CreationTimestamp, s.ResourceVersion = *at(-5 * time.Hour), "1"
		s.Status.ExpirationTime, s.Status.RenewalTime, s.Status.URL = at(life), at(renews), "https://billing.example.com/"+name
		return *s
	}
	return &oddCluster{ahead: ahead, sessions: []v1alpha1.BillingSession{
		with("alive", 7*time.Minute+30*time.Second, 5*time.Minute+30*time.Second),
		with("gone", -3*time.Minute-30*time.Second, -5*time.Minute),
	}}
}

func (o *oddCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const all = "/apis/billing.xtracta.com/v1alpha1/namespaces/finance/billingsessions"
	w.Header().Set("Date", time.Now().Add(o.ahead).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	var answer any
	switch r.URL.Path {
	case all:
		answer = v1alpha1.BillingSessionList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: o.sessions}
	case all + "/alive":
		answer = patched(o.sessions[0], r)
	case all + "/gone":
		answer = patched(o.sessions[1], r)
	default:
		w.WriteHeader(http.StatusForbidden)
		answer = metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Message: "not for you"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func patched(s v1alpha1.BillingSession, r *http.Request) v1alpha1.BillingSession {
	if r.Method == http.MethodPatch {
		patch := v1alpha1.BillingSession{}
		_ = json.NewDecoder(r.Body).Decode(&patch)
		s.Annotations = patch.Annotations
		s.Status.LastHandledRenewRequest = patch.Annotations[v1alpha1.AnnotationRenewRequestedAt]
	}
	return s
}

// flagsFor name a cluster that needs no credentials.
func flagsFor(t *testing.T, cluster http.Handler) []string {
	t.Helper()
	server := httptest.NewServer(cluster)
	t.Cleanup(server.Close)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--kubeconfig", kubeconfig, "--server", server.URL, "-n", "finance"}
}

// The clock of the user's machine may be wrong by any time. What is said of a URL is true
// where it is opened.
func TestTimesAreTheServers(t *testing.T) {
	for _, ahead := range []time.Duration{0, 30 * time.Minute, -30 * time.Minute, 5 * time.Minute, -5 * time.Minute, 50 * 365 * 24 * time.Hour, -40 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			cluster := flagsFor(t, newOddCluster(ahead))
			for _, row := range []struct {
				args string
				code int
				want string // of what is printed and said
			}{
				{"list", 0, `alive +True +7m\d+s +in 5m\d+s[^\n]*\ngone +True +expired 3m\d+s ago +now +Expired\n`},
				{"list alive gone", 0, `alive +True +7m\d+s +in 5m\d+s[^\n]*\ngone +True +expired 3m\d+s ago`},
				{"list -o wide --no-headers", 0, `alive +True +7m\d+s +in 5m\d+s .* alive +5h`},
				{"open alive --print", 0, `https://billing.example.com/alive`},
				{"open gone --print", 3, `expired 3 minutes ago`},
				{"explain alive", 0, `works for 7 minutes more(.|\n)*in 5 minutes`},
				{"explain gone", 0, `Not ready \(Expired\)`},
				{"renew alive --wait", 0, `works for 7 minutes`},
			} {
				streams, _, out, errOut := genericiooptions.NewTestIOStreams()
				code := run(t.Context(), append(strings.Fields(row.args), cluster...), streams)
				if said := out.String() + errOut.String(); code != row.code || !regexp.MustCompile(row.want).MatchString(said) {
					t.Errorf("%s ends with %d, want %d and %s:\n%s", row.args, code, row.code, row.want, said)
				}
			}
		})
	}
}

func TestServerClock(t *testing.T) {
	const half = 500 * time.Millisecond
	at := func(d time.Duration) string { return noon.Add(d).Format(http.TimeFormat) }
	for _, row := range []struct {
		why   string
		date  string
		takes time.Duration
		want  time.Duration
	}{
		{"the second that has begun", at(0), 0, 0},
		{"a long answer to a right clock", at(4 * time.Second), 9 * time.Second, 0},
		{"a clock that is a little behind", at(5 * time.Second), 0, 5*time.Second + half},
		{"a clock that is a little ahead", at(-5 * time.Second), 0, -5*time.Second + half},
		{"a long answer to a wrong clock", at(time.Hour), 8 * time.Second, time.Hour - 4*time.Second + half},
		{"no Date", "", 0, 0},
		{"a Date that is none", "noon", 0, 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			received := noon.Add(row.takes)
			c := &serverClock{own: clocktesting.NewFakePassiveClock(received)}
			c.observe(row.date, noon, received)
			if got := c.Now().Sub(received); got != row.want || c.Since(received) != row.want {
				t.Errorf("the server is ahead by %s, want %s", got, row.want)
			}
		})
	}
}
