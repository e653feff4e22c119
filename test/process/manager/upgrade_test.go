//go:build long

package manager

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// earlier is the commit that an upgrade and a step back are tried with: the last one whose status did
// not tell the Secret's version. When there are releases, it is the latest of them.
const earlier = "5f4a77eb528806485f2fa8131654d531b819ee3f"

// TestUpgrade has another version of the manager take over, as config/README.md describes it.
// Running sessions notice nothing: nobody is asked, and nothing is ever not ready. Renewals go
// on.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	tree := unpacked(t, earlier)
	program := env.Path("bin", "test", "manager-"+earlier)
	if err := env.Build(tree, program, "./cmd/manager"); err != nil {
		t.Fatalf("build the earlier manager: %v", err)
	}
	ofEarlier, ofToday := filepath.Join(tree, "config", "crd", "bases"), env.CRDs()
	runEarlier := func(s *stage) *env.Process { return s.startEarlier(program) }
	runToday := func(s *stage) *env.Process { return s.StartManager().Process }
	for _, row := range []struct {
		name, crds    string
		before, after func(*stage) *env.Process
		// labels is how many a template has: earlier versions allowed more than today's.
		labels int
	}{
		{"to this version", ofEarlier, runEarlier, runToday, 32},
		{"and back", ofToday, runToday, runEarlier, 16}, // with the newer CustomResourceDefinition
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStageOn(t, env.NewCluster(t, controlplane.Options{CRDDirs: []string{row.crds}}))
			s.takeOver(row.before, row.after, row.labels)
		})
	}
}

func (s *stage) takeOver(before, after func(*stage) *env.Process, labels int) {
	s.T.Helper()
	old := before(s)
	running := s.sessionsOfAllKinds()
	dressed := map[string]v1alpha1.LabelValue{}
	for i := range labels {
		dressed[fmt.Sprintf("label-%d", i)] = "ap"
	}
	s.WithOwnKey("due", builders.Expiration(120), builders.RenewBefore(96), builders.Template(dressed, nil)) // due after 24 seconds
	s.Ready("due")
	urls := s.urlsOf(running)
	sessions := map[string]*v1alpha1.BillingSession{}
	for _, name := range running {
		sessions[name] = s.Get(name)
	}
	s.suspend("rests")

	fallen := s.recordWhatFalls()
	takenOver := time.Now()
	_, err := envtest.InstallCRDs(s.Cluster.Config(), envtest.CRDInstallOptions{Paths: []string{env.CRDs()}})
	s.Must(err)
	old.Signal(syscall.SIGTERM)
	s.Must(old.Wait())
	after(s)
	s.settle("canary")
	// A new version of a key's Secret has the manager compare what the other one has stored.
	for _, name := range running {
		s.touch("key-" + name)
	}
	s.settle("second-canary")

	for _, name := range running {
		if got := s.RequestsSince(name, takenOver); got > 0 {
			s.T.Errorf("%s: %d requests, want none", name, got)
		}
		now, before := s.Get(name).Status, sessions[name].Status
		if now.URL != before.URL || !now.IssueTime.Equal(before.IssueTime) || s.URLIn(now.SecretName) != urls[name] {
			s.T.Errorf("%s has another URL", name)
		}
	}
	s.Eventually("due is renewed by the other manager", func() string {
		return env.Unless(s.RequestsSince("due", takenOver) > 0 && s.Get("due").Status.IssueTime.After(takenOver), "not yet")
	})
	for _, found := range fallen() {
		s.T.Error(found)
	}
}

// sessionsOfAllKinds creates sessions that differ in what is stored for them.
func (s *stage) sessionsOfAllKinds() (names []string) {
	s.T.Helper()
	for name, differences := range map[string][]func(*v1alpha1.BillingSession){
		"plain":     nil,
		"hidden":    {builders.Hidden()},
		"elsewhere": {builders.SecretName("elsewhere-billing"), builders.Purge(v1alpha1.PurgeProcess), builders.Expiration(3600)},
		"dressed": {builders.Template(map[string]v1alpha1.LabelValue{"team": "ap"},
			map[string]v1alpha1.AnnotationValue{"reloader.stakater.com/ignore": "true"})},
		"asked": {builders.Annotated(v1alpha1.AnnotationRenewRequestedAt, "once")},
		"rests": nil,
	} {
		s.WithOwnKey(name, differences...)
		names = append(names, name)
	}
	return names
}

// urlsOf waits until the sessions are ready, and tells the URLs in their Secrets.
func (s *stage) urlsOf(sessions []string) map[string]string {
	s.T.Helper()
	urls := map[string]string{}
	for _, name := range sessions {
		urls[name] = s.URLIn(s.Ready(name).Status.SecretName)
		if urls[name] == "" {
			s.T.Fatalf("%s is ready, and has no URL", name)
		}
	}
	return urls
}

func (s *stage) suspend(name string) {
	s.T.Helper()
	s.Must(s.Client.Patch(s.T.Context(), builders.Session(name, builders.In(s.Namespace)),
		client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":true}}`))))
	s.Eventually(name+" is suspended", func() string {
		session := s.Get(name)
		return env.Unless(session.Status.ObservedGeneration == session.Generation, "not seen yet")
	})
}

// touch changes a Secret, but nothing of its data.
func (s *stage) touch(name string) {
	s.T.Helper()
	s.Must(s.Client.Patch(s.T.Context(), builders.KeySecretOf(s.Namespace, name, ""),
		client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"example.com/applied":"again"}}}`))))
}

// recordWhatFalls notes each session that is not ready after it was.
func (s *stage) recordWhatFalls() (found func() []string) {
	s.T.Helper()
	watcher, err := s.Client.Watch(s.T.Context(), &v1alpha1.BillingSessionList{}, client.InNamespace(s.Namespace))
	s.Must(err)
	var (
		mu     sync.Mutex
		fallen []string
		wasUp  = map[string]bool{}
	)
	go func() {
		for event := range watcher.ResultChan() {
			session, ok := event.Object.(*v1alpha1.BillingSession)
			if !ok || event.Type == watch.Deleted {
				continue
			}
			ready := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionReady)
			up := ready != nil && ready.Status == "True"
			mu.Lock()
			if wasUp[session.Name] && !up {
				fallen = append(fallen, session.Name+" was not ready for a while")
			}
			wasUp[session.Name] = up
			mu.Unlock()
		}
	}()
	return func() []string {
		watcher.Stop()
		mu.Lock()
		defer mu.Unlock()
		return fallen
	}
}

// startEarlier starts the manager of another tree.
func (s *stage) startEarlier(program string) *env.Process {
	s.T.Helper()
	script, err := process.DieWithParent(s.T.TempDir(), program, os.Getpid())
	s.Must(err)
	return env.Start(s.T, exec.Command(script,
		"--kubeconfig", s.Cluster.KubeconfigPath(), "--endpoint-url", s.URL+standin.Path, "--watch-namespaces", s.Namespace,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0"))
}

// unpacked is the tree of a commit. Its folder stays the same, so that the build cache knows it.
func unpacked(t *testing.T, commit string) (dir string) {
	t.Helper()
	dir = env.Path("bin", "test", "tree-"+commit)
	archive := exec.CommandContext(t.Context(), "sh", "-c", `git archive -o "$2.tar" "$1" && mkdir -p "$2" && tar -x -f "$2.tar" -C "$2"`, "sh", commit, dir)
	archive.Dir = env.Path()
	if said, err := archive.CombinedOutput(); err != nil {
		t.Fatalf("this clone does not have the commit to upgrade from; fetch it whole: %v\n%s", err, said)
	}
	return dir
}
