package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/auditlog"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	namespace = "bench"
	// keys that all sessions share.
	keys = 50
	// life is long enough for nothing to become due while it is measured.
	life = 86400
	// patience is how long anything may take before it counts as stuck. The first issue of
	// 100,000 sessions takes a quarter of an hour or more on two processors.
	patience = 40 * time.Minute
	// creators are how many objects are created at once before a measurement.
	creators = 32
)

// stage is a fresh API server with sessions that nobody has served yet, and a
// stand-in of the endpoint.
type stage struct {
	dir      string
	plane    *controlplane.ControlPlane
	client   client.Client
	endpoint *standin.Server
	server   *httptest.Server
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
func newStage(ctx context.Context, sessions int, userAgent string) (_ *stage, err error) {
	s := &stage{sessions: sessions, userAgent: userAgent, succeeded: map[string]int{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.strike())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	auditLog := filepath.Join(s.dir, "audit.jsonl")
	s.plane, err = controlplane.Start(ctx, controlplane.Options{
		CRDDirs: []string{filepath.Join("config", "crd", "bases")}, AuditLog: auditLog,
	})
	if err != nil {
		return nil, err
	}
	if s.reading, err = auditlog.Read(auditLog); err != nil {
		return nil, err
	}
	if s.client, err = client.New(s.plane.Config(), client.Options{Scheme: env.Scheme()}); err != nil {
		return nil, err
	}
	s.endpoint = standin.New(standin.AcceptAnyKey())
	s.server = httptest.NewServer(s.endpoint)
	return s, s.populate(ctx)
}

func (s *stage) populate(ctx context.Context) error {
	if err := s.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	err := s.createAll(ctx, keys, func(i int) client.Object {
		return builders.KeySecretOf(namespace, keyName(i), fmt.Sprintf("key-of-group-%02d", i))
	})
	if err != nil {
		return err
	}
	return s.createAll(ctx, s.sessions, func(i int) client.Object {
		return builders.Session(sessionName(i), builders.In(namespace), builders.KeySecret(keyName(i%keys)), builders.Expiration(life))
	})
}

func keyName(i int) string     { return fmt.Sprintf("group-%02d", i) }
func sessionName(i int) string { return fmt.Sprintf("session-%05d", i) }

func (s *stage) createAll(ctx context.Context, n int, object func(i int) client.Object) error {
	return atOnce(ctx, creators, n, func(i int) error { return s.client.Create(ctx, object(i)) })
}

// atOnce does n pieces of work with some workers, and gives the first error.
func atOnce(ctx context.Context, workers, n int, work func(i int) error) error {
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		once  sync.Once
		first error
	)
	workqueue.ParallelizeUntil(working, workers, n, func(i int) {
		if err := work(i); err != nil {
			once.Do(func() { first = err })
			cancel()
		}
	})
	return errors.Join(first, ctx.Err())
}

// mark forgets the calls so far.
func (s *stage) mark() error {
	err := s.read()
	s.calls, s.succeeded = nil, map[string]int{}
	return err
}

// read takes in what was added to the audit log.
func (s *stage) read() error {
	added, err := s.reading.Next()
	for _, call := range added {
		if call.Resource == "" {
			call.Resource = "discovery"
		}
		if call.UserAgent != s.userAgent || call.Resource == "leases" {
			continue
		}
		s.calls = append(s.calls, call)
		if call.Code < 300 {
			s.succeeded[call.What()]++
		}
	}
	return err
}

// waitForCalls waits until that many of each have succeeded since the last mark.
func (s *stage) waitForCalls(ctx context.Context, p *program, want map[string]int) error {
	return s.until(ctx, func() (string, error) {
		if err := errors.Join(p.alive(), s.read()); err != nil {
			return "", err
		}
		for what, n := range want {
			if got := s.succeeded[what]; got < n {
				return fmt.Sprintf("%d of %d calls %q", got, n, what), nil
			}
		}
		return "", nil
	})
}

// until looks again and again for what is still missing.
func (s *stage) until(ctx context.Context, missing func() (string, error)) error {
	return s.untilEvery(ctx, 200*time.Millisecond, missing)
}

func (s *stage) untilEvery(ctx context.Context, between time.Duration, missing func() (string, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("waited in vain"))
	defer cancel()
	for {
		what, err := missing()
		if err != nil || what == "" {
			return err
		}
		if err := pause(ctx, between); err != nil {
			return fmt.Errorf("%w: %s", err, what)
		}
	}
}

// pause waits for that long, or until ctx ends.
func pause(ctx context.Context, long time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(long):
		return nil
	}
}

// answered is when the last of the calls since the mark was.
func (s *stage) answered() time.Time {
	var last time.Time
	for _, call := range s.calls {
		if call.Answered.After(last) && call.Verb != "watch" {
			last = call.Answered
		}
	}
	return last
}

// first is when the first such call since the mark was answered.
func (s *stage) first(what string) time.Time {
	for _, call := range s.calls {
		if call.What() == what {
			return call.Answered
		}
	}
	return time.Time{}
}

// mustBeReady checks that the work was done.
func (s *stage) mustBeReady(ctx context.Context) error {
	var list v1alpha1.BillingSessionList
	if err := s.client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	ready := 0
	for _, session := range list.Items {
		if meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) && session.Status.URL != "" {
			ready++
		}
	}
	if ready != s.sessions {
		return fmt.Errorf("%d of %d sessions are ready", ready, s.sessions)
	}
	return nil
}

func (s *stage) strike() error {
	var errs []error
	if s.server != nil {
		s.server.Close()
	}
	if s.reading != nil {
		errs = append(errs, s.reading.Close())
	}
	if s.plane != nil {
		errs = append(errs, s.plane.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
