//go:build bench

package bench

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/auditlog"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// stage is a fresh API server with sessions that nobody has served yet.
type stage struct {
	*env.Stage
	sessions int

	// reading is of the audit log; calls are those read since the last mark that
	// came from the client that is measured.
	reading   *auditlog.Reading
	userAgent string
	calls     []auditlog.Call
	// succeeded counts those calls that did. It is asked for many times while there are ever
	// more calls.
	succeeded map[string]int
}

// newStage sets up what the client with the user agent is to serve.
func newStage(t *testing.T, sessions int, userAgent string) *stage {
	t.Helper()
	log := filepath.Join(t.TempDir(), "audit.jsonl")
	cluster := env.NewCluster(t, controlplane.Options{CRDDirs: []string{env.CRDs()}, AuditLog: log})
	s := &stage{
		Stage: env.NewStage(t, cluster, standin.AcceptAnyKey()), sessions: sessions,
		userAgent: userAgent, succeeded: map[string]int{},
	}
	var err error
	s.reading, err = auditlog.Read(log)
	s.Must(err)
	t.Cleanup(func() { _ = s.reading.Close() })
	for i := range keys {
		s.GiveKey(keyName(i), env.KeyOf(keyName(i)))
	}
	s.Must(atOnce(sessions, func(i int) error {
		return s.Client.Create(t.Context(), builders.Session(sessionName(i),
			builders.In(s.Namespace), builders.KeySecret(keyName(i%keys)), builders.Expiration(life)))
	}))
	return s
}

func keyName(i int) string     { return fmt.Sprintf("group-%02d", i) }
func sessionName(i int) string { return fmt.Sprintf("session-%05d", i) }

// atOnce does n pieces of work, some at a time, and gives the first error.
func atOnce(n int, work func(i int) error) error {
	var group errgroup.Group
	group.SetLimit(creators)
	for i := range n {
		group.Go(func() error { return work(i) })
	}
	return group.Wait()
}

// mark forgets the calls so far.
func (s *stage) mark() {
	s.T.Helper()
	s.read()
	s.calls, s.succeeded = nil, map[string]int{}
}

// read takes in what was added to the audit log.
func (s *stage) read() {
	s.T.Helper()
	added, err := s.reading.Next()
	s.Must(err)
	for _, call := range added {
		if call.UserAgent != s.userAgent || call.Resource == "leases" {
			continue
		}
		s.calls = append(s.calls, call)
		if call.Code < 300 {
			s.succeeded[call.What()]++
		}
	}
}

// await waits until the condition names no problem any more. It looks less often than
// env.Eventually does, which would compute beside what is measured.
func (s *stage) await(what string, condition func() (problem string)) {
	s.T.Helper()
	env.EventuallyWithin(s.T, patience, what, func() string {
		time.Sleep(200 * time.Millisecond)
		return condition()
	})
}

// waitForCalls waits until one such call for each session has succeeded since the last mark.
func (s *stage) waitForCalls(by *env.Process, calls ...string) {
	s.T.Helper()
	s.await("all sessions are served", func() string {
		by.MustRun()
		s.read()
		for _, what := range calls {
			if got := s.succeeded[what]; got < s.sessions {
				return fmt.Sprintf("%d of %d calls %q", got, s.sessions, what)
			}
		}
		return ""
	})
}

// answered is when the last of the calls since the mark was.
func (s *stage) answered() (last time.Time) {
	for _, call := range s.calls {
		if call.Answered.After(last) && call.Verb != "watch" {
			last = call.Answered
		}
	}
	return last
}

// expectCalls holds how many calls there were since the mark, for sessions and keys. Those of the
// process itself, for its caches and for discovery, do not count.
func (s *stage) expectCalls(during string, want map[string]int) {
	s.T.Helper()
	s.read()
	got := map[string]int{}
	for _, call := range s.calls {
		if call.Resource != "" && call.Verb != "list" && call.Verb != "watch" && call.Verb != "check" {
			got[call.What()]++
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.T.Errorf("%s: the calls were %v, want %v", during, got, want)
	}
}

// expectReady checks that the work was done.
func (s *stage) expectReady() {
	s.T.Helper()
	var list v1alpha1.BillingSessionList
	s.Must(s.Client.List(s.T.Context(), &list, client.InNamespace(s.Namespace)))
	ready := 0
	for _, session := range list.Items {
		if meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) && session.Status.URL != "" {
			ready++
		}
	}
	if ready != s.sessions {
		s.T.Fatalf("%d of %d sessions are ready", ready, s.sessions)
	}
}
