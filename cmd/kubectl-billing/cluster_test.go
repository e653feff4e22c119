package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

const (
	apiPath  = "/apis/billing.xtracta.com/v1alpha1/namespaces/finance/billingsessions"
	crdPath  = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + crdName
	page     = "https://billing.example.com/"
	notFound = "not found"
)

// oddCluster is an API server whose clock is ahead of this machine's. It lets nobody read
// anything but its sessions and what it is given, and handles renew requests at once.
type oddCluster struct {
	ahead    time.Duration
	sessions []v1alpha1.BillingSession
	objects  map[string]any // by path; notFound if it is known not to be there
	manager  atomic.Value   // the field manager of the last change
}

// newOddCluster has the sessions alive and gone.
func newOddCluster(ahead time.Duration, more ...*v1alpha1.BillingSession) *oddCluster {
	o := &oddCluster{ahead: ahead, objects: map[string]any{}}
	begin := time.Now().Add(ahead)
	gone := living("gone", begin.Add(-11*time.Minute))
	for _, s := range append([]*v1alpha1.BillingSession{living("alive", begin), gone}, more...) {
		o.sessions = append(o.sessions, *s)
	}
	return o
}

// living is a session with a URL that was issued for eight minutes less a bit.
func living(name string, begin time.Time, changes ...change) *v1alpha1.BillingSession {
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: begin.Add(d)} }
	s := session(name, issued(0, 0))
	s.CreationTimestamp, s.ResourceVersion = metav1.NewTime(begin.Add(-5*time.Hour)), "1"
	s.Status.ExpirationTime, s.Status.RenewalTime, s.Status.URL = at(7*time.Minute+30*time.Second), at(5*time.Minute+30*time.Second), page+name
	for _, change := range changes {
		change(s)
	}
	return s
}

func (o *oddCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(o.ahead).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	code, answer := http.StatusForbidden, any(failure(metav1.StatusReasonForbidden))
	if object, ok := o.object(r); ok {
		code, answer = http.StatusOK, object
		if object == notFound {
			code, answer = http.StatusNotFound, failure(metav1.StatusReasonNotFound)
		}
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

func failure(reason metav1.StatusReason) metav1.Status {
	return metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: reason, Message: "not for you"}
}

func (o *oddCluster) object(r *http.Request) (object any, ok bool) {
	name, isOne := strings.CutPrefix(r.URL.Path, apiPath+"/")
	switch {
	case r.URL.Path == apiPath:
		list := v1alpha1.BillingSessionList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: o.sessions}
		if r.URL.Query().Get("labelSelector") != "" { // no session has labels
			list.Items = nil
		}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind + "List"))
		return list, true
	case !isOne:
		object, ok = o.objects[r.URL.Path]
		return object, ok
	}
	for _, s := range o.sessions {
		if s.Name == name {
			return o.patched(s, r), true
		}
	}
	return notFound, true
}

func (o *oddCluster) patched(s v1alpha1.BillingSession, r *http.Request) v1alpha1.BillingSession {
	s.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	if r.Method == http.MethodPatch {
		o.manager.Store(r.URL.Query().Get("fieldManager"))
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

// hidden keeps its URL in its Secret.
func hidden(s *v1alpha1.BillingSession) {
	s.Spec.URLInStatus, s.Status.URL = v1alpha1.URLInStatusHidden, ""
}

func unready(reason string) change {
	return func(s *v1alpha1.BillingSession) {
		s.Status.Conditions = nil
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, "The message")(s)
	}
}

func withURL(url string) change {
	return func(s *v1alpha1.BillingSession) { s.Status.URL = url }
}

// What commands print and say, and how they end.
func TestCommands(t *testing.T) {
	now := time.Now()
	never := session("never", unready("Suspended"), suspended)
	stalled := session("stalled", unready("Rejected"), condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, "Rejected", "The message"))
	leaving := living("leaving", now, func(s *v1alpha1.BillingSession) { s.DeletionTimestamp = in(0) })
	o := newOddCluster(0, never, stalled, leaving, living("hidden", now, hidden), living("closed", now, hidden), living("lost", now, hidden),
		living("short", now.Add(-6*time.Minute)), living("older", now, unready("InputsChanged")),
		living("option", now, withURL("--help")), living("cursor", now, withURL(page+"\x1b[2J")))
	o.objects["/api/v1/namespaces/finance/secrets/hidden"] = corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, Data: map[string][]byte{"url": []byte(page + "hidden")}}
	o.objects["/api/v1/namespaces/finance/secrets/lost"] = notFound
	cluster := flagsFor(t, o)
	for _, row := range []struct {
		args   string
		code   int
		prints string // all of it, or nothing
		says   []string
	}{
		{"open alive --print", 0, page + "alive\n", nil},
		{"open hidden --print", 0, page + "hidden\n", nil},
		{"open closed --print", 1, "", []string{"not for you", "urlInStatus: Hidden", "ask who administers the cluster"}},
		{"open lost --print", 3, "", []string{"neither in its status nor in its Secret", "kubectl billing explain lost -n finance"}},
		{"open short --print", 0, page + "short\n", []string{"Warning: this URL works for only 89s more", "open short --fresh"}},
		{"open older --print", 0, page + "older\n", []string{"Warning: this URL works, but the session is not ready (InputsChanged)", "explain older"}},
		{"open never", 3, "", []string{"has no URL yet, and the session is suspended", "kubectl billing resume never"}},
		{"open stalled", 3, "", []string{"has no URL yet. The message.", "kubectl billing explain stalled"}},
		{"open option --print", 1, "", []string{"not a safe web address"}},
		{"open cursor", 1, "", []string{"not a safe web address"}},
		{"explain leaving", 3, "", []string{"is being deleted"}},
		{"explain nobody", 1, "", []string{`there is no session "nobody" in namespace "finance"`, "kubectl billing list -n finance"}},
		{"get bsess/alive nobody -o name", 1, "billingsession.billing.xtracta.com/alive\n", []string{`there is no session "nobody"`}},
		{"list -l team=ap", 0, "", []string{"No billing sessions found in namespace finance"}},
		{"renew -l team=ap --wait", 0, "", []string{"No billing sessions found in namespace finance"}},
		{"suspend alive nobody", 1, "", []string{"nothing was done for the others either"}},
		{"suspend alive", 0, "billingsession.billing.xtracta.com/alive suspended\n", nil},
		{"resume alive", 0, "billingsession.billing.xtracta.com/alive resumed already\n", nil},
		{"list -A", 1, "", []string{"not for you", "name one namespace with -n"}},
		{"list alive --context nowhere", 1, "", []string{"check --kubeconfig and --context"}},
		{"list --server=https://127.0.0.1:1", 1, "", []string{"the cluster cannot be reached"}},
		{"open alive --brwser", 2, "", []string{"See 'kubectl billing open --help'"}},
	} {
		t.Run(row.args, func(t *testing.T) {
			streams, _, out, errOut := genericiooptions.NewTestIOStreams()
			// A flag of the row comes later, and overrides those of the cluster.
			args := strings.Fields(row.args)
			code := run(t.Context(), append(append(args[:1:1], cluster...), args[1:]...), streams)
			if code != row.code || out.String() != row.prints || (errOut.Len() > 0) != (row.says != nil) {
				t.Errorf("ends with %d and prints %q, want %d and %q\n%s", code, out, row.code, row.prints, errOut)
			}
			for _, want := range row.says {
				if !strings.Contains(errOut.String(), want) {
					t.Errorf("says %q, want %q", errOut, want)
				}
			}
		})
	}
	// Flux removes fields whose manager's name begins with kubectl.
	if got := o.manager.Load(); got != "billing-plugin" {
		t.Errorf("what the plugin sets is owned by %q", got)
	}
}

func TestAClusterWithoutTheOperator(t *testing.T) {
	for _, args := range []string{"explain alive", "list", "version"} {
		streams, _, _, errOut := genericiooptions.NewTestIOStreams()
		code := run(t.Context(), append(strings.Fields(args), flagsFor(t, http.NotFoundHandler())...), streams)
		if want := "this cluster knows no BillingSessions: install the operator"; code != 1 || !strings.Contains(errOut.String(), want) {
			t.Errorf("%s ends with %d and says %q, want %q", args, code, errOut, want)
		}
	}
}

func TestVersion(t *testing.T) {
	labelled := func(labels map[string]string) any {
		return metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "CustomResourceDefinition"}, ObjectMeta: metav1.ObjectMeta{Name: crdName, Labels: labels}}
	}
	for _, row := range []struct {
		args string
		crd  any
		want string
	}{
		{"version --client --server=https://127.0.0.1:1", nil, `^kubectl-billing \S+ \(.*\)\n$`},
		{"version", labelled(map[string]string{versionLabel: "v0.1.0"}), `^kubectl-billing .*\nCRD             v0.1.0\n$`},
		{"version", labelled(nil), `\nCRD             unknown: it has no label app.kubernetes.io/version\n$`},
		{"version", nil, `\nCRD             unknown: you may not read CustomResourceDefinitions\n$`},
	} {
		o := newOddCluster(0)
		if row.crd != nil {
			o.objects[crdPath] = row.crd
		}
		streams, _, out, errOut := genericiooptions.NewTestIOStreams()
		args := append(flagsFor(t, o), strings.Fields(row.args)...)
		if code := run(t.Context(), args, streams); code != 0 || errOut.Len() > 0 || !regexp.MustCompile(row.want).MatchString(out.String()) {
			t.Errorf("%s ends with %d, want %s:\n%s%s", row.args, code, row.want, out, errOut)
		}
	}
}

// brokenPipe is an output that nobody reads.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// A script must not take half an output for all of it.
func TestOutputThatCannotBeWritten(t *testing.T) {
	cluster := flagsFor(t, newOddCluster(0))
	for _, args := range []string{"--help", "list", "list -o json", "open alive --print", "explain alive", "renew alive", "version", "completion bash", "__complete open"} {
		streams, _, _, errOut := genericiooptions.NewTestIOStreams()
		streams.Out = brokenPipe{}
		code := run(t.Context(), append(strings.Fields(args), cluster...), streams)
		if want := "error: the output could not be written: broken pipe\n"; code != 1 || !strings.HasSuffix(errOut.String(), want) || strings.Count(errOut.String(), "error") != 1 {
			t.Errorf("%s ends with %d and says %q, want %q", args, code, errOut, want)
		}
	}
}
