package informers

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"
)

var errForbidden = apierrors.NewForbidden(corev1.Resource("secrets"), "", errors.New("not for you"))

func newGauge() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "watched", Help: "-"}, []string{"namespace"})
}

// valueOf is what the gauge says of namespace a.
func valueOf(t *testing.T, gauge *prometheus.GaugeVec) float64 {
	t.Helper()
	var metric dto.Metric
	if err := gauge.WithLabelValues("a").Write(&metric); err != nil {
		t.Fatal(err)
	}
	return metric.GetGauge().GetValue()
}

// server answers lists and watches of one namespace.
type server struct {
	namespace string
	answer    atomic.Pointer[error]
	asked     atomic.Int64
}

func newServer(namespace string, answer error) *server {
	s := &server{namespace: namespace}
	s.answer.Store(&answer)
	return s
}

func (s *server) ask(ctx context.Context) error {
	s.asked.Add(1)
	if into, ok := ctx.Value(recordedNamespace{}).(*string); ok {
		*into = s.namespace
	}
	return *s.answer.Load()
}

func (s *server) listWatch() *toolscache.ListWatch {
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
			return &corev1.SecretList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}, s.ask(ctx)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if err := s.ask(ctx); err != nil {
				return nil, err
			}
			if options.SendInitialEvents != nil {
				return nil, apierrors.NewBadRequest("lists are not streamed")
			}
			return watch.NewFake(), nil
		},
	}
}

// TestAnOpenedNamespaceIsListedWithinHalfAMinute however long it was closed.
func TestAnOpenedNamespaceIsListedWithinHalfAMinute(t *testing.T) {
	t.Parallel()
	for _, closed := range []time.Duration{time.Second, time.Minute, time.Hour} {
		clock := clocktesting.NewFakeClock(time.Unix(1, 0))
		s, gauge := newServer("a", errForbidden), newGauge()
		n := NewNamespaces([]string{"a"}, gauge, clock, logr.Discard())
		i := &informer{}
		lw := &listerWatcher{from: s.listWatch(), namespaces: n, informer: i}
		listed := make(chan error)
		go func() {
			_, err := lw.list(t.Context(), metav1.ListOptions{})
			listed <- err
		}()
		wait := func(d time.Duration) (err error, ended bool) {
			for end := clock.Now().Add(d); clock.Now().Before(end); clock.Step(100 * time.Millisecond) {
				for !clock.HasWaiters() {
					select {
					case err := <-listed:
						return err, true
					default:
					}
				}
			}
			return nil, false
		}
		if err, ended := wait(closed); ended {
			t.Fatalf("the list ended with %v", err)
		}
		if got := valueOf(t, gauge); got != 0 {
			t.Errorf("closed: the gauge is %v", got)
		}
		asked := s.asked.Load()
		if bound := int64(closed/(20*time.Second)) + 6; asked > bound {
			t.Errorf("asked %d times in %s, want at most %d", asked, closed, bound)
		}
		var open error
		s.answer.Store(&open)
		if err, ended := wait(31 * time.Second); err != nil || !ended {
			t.Errorf("closed for %s: not listed half a minute after it was opened: %v", closed, err)
		}
		if got := valueOf(t, gauge); got != 1 {
			t.Errorf("open: the gauge is %v", got)
		}
	}
}

// TestOtherErrorsAreTheReflectors: it knows which of them call for a list.
func TestOtherErrorsAreTheReflectors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, namespace string
		answer          error
	}{
		{"not named", "b", errForbidden},
		{"all namespaces", "", errForbidden},
		{"too old", "a", apierrors.NewResourceExpired("too old")},
		{"unknown", "a", apierrors.NewNotFound(corev1.Resource("secrets"), "")},
		{"unauthorized", "a", apierrors.NewUnauthorized("who are you")},
	} {
		n := NewNamespaces([]string{"a"}, newGauge(), clocktesting.NewFakeClock(time.Unix(1, 0)), logr.Discard())
		i := &informer{}
		lw := &listerWatcher{from: newServer(row.namespace, row.answer).listWatch(), namespaces: n, informer: i}
		_, listError := lw.list(t.Context(), metav1.ListOptions{})
		_, watchError := lw.watch(t.Context(), metav1.ListOptions{})
		if !errors.Is(listError, row.answer) || !errors.Is(watchError, row.answer) {
			t.Errorf("%s: list %v, watch %v", row.name, listError, watchError)
		}
		if i.isRefused.Load() || !n.Readable(row.namespace) {
			t.Errorf("%s: taken for a closed namespace", row.name)
		}
	}
}

// TestAWatchAboveTheClustersVersionsListsAnew: etcd was restored from a backup, and the API
// server would send nothing until its versions have passed the one that the watch begins at.
func TestAWatchAboveTheClustersVersionsListsAnew(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, from  string
		justListed bool
		isExpired  bool
	}{
		{"versions went back", "1000", false, true},
		{"they are where they were", "1", false, false},
		{"a watch that follows a list begins where that ended", "1000", true, false},
		{"versions that are no numbers cannot be compared", "abc", false, false},
	} {
		n := NewNamespaces([]string{"a"}, newGauge(), clocktesting.NewFakeClock(time.Unix(1, 0)), logr.Discard())
		lw := &listerWatcher{from: newServer("a", nil).listWatch(), namespaces: n, informer: &informer{}}
		lw.justListed.Store(row.justListed)
		watching, err := lw.watch(t.Context(), metav1.ListOptions{ResourceVersion: row.from})
		if apierrors.IsResourceExpired(err) != row.isExpired || (watching == nil) != row.isExpired {
			t.Errorf("%s: %v", row.why, err)
		}
	}
}

// TestNoAnswerIsTriedAgainSoon: a reflector's own waits add up to minutes.
func TestNoAnswerIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Unix(1, 0))
	s := newServer("a", context.DeadlineExceeded)
	lw := &listerWatcher{from: s.listWatch(), namespaces: NewNamespaces([]string{"a"}, newGauge(), clock, logr.Discard()), informer: &informer{}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	listed := make(chan error, 1)
	go func() {
		_, err := lw.list(ctx, metav1.ListOptions{})
		listed <- err
	}()
	waits := func() bool {
		for ctx.Err() == nil {
			if clock.HasWaiters() {
				return true
			}
		}
		return false
	}
	for range 3 {
		if !waits() {
			t.Fatal("it is not tried again")
		}
		clock.Step(31 * time.Second)
	}
	var answers error
	s.answer.Store(&answers)
	for clock.HasWaiters() {
		clock.Step(31 * time.Second)
	}
	if err := <-listed; err != nil {
		t.Error(err)
	}
}

// TestANamespaceIsReadableOnceAllOfItIs although some of it could be read before.
func TestANamespaceIsReadableOnceAllOfItIs(t *testing.T) {
	t.Parallel()
	clock, gauge := clocktesting.NewFakeClock(time.Unix(1, 0)), newGauge()
	n := NewNamespaces([]string{"a", "b"}, gauge, clock, logr.Discard())
	secrets, sessions := newServer("a", errForbidden), newServer("a", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, s := range []*server{secrets, sessions} {
		i := n.newInformer(s.listWatch(), &corev1.Secret{}, 0, toolscache.Indexers{})
		added, err := i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{})
		if err != nil {
			t.Fatal(err)
		}
		go i.RunWithContext(ctx)
		if !toolscache.WaitForCacheSync(ctx.Done(), i.HasSynced, added.HasSynced) {
			t.Fatal("an informer keeps others waiting")
		}
	}
	if n.Readable("a") || !n.Readable("b") {
		t.Error("one whose Secrets may not be read is taken for readable, or one that nobody refused is not")
	}
	if got := valueOf(t, gauge); got != 0 {
		t.Errorf("the gauge is %v", got)
	}
	var open error
	secrets.answer.Store(&open)
	for !n.Readable("a") {
		clock.Step(time.Second)
		time.Sleep(time.Millisecond) // the informer runs by itself
	}
	if got := valueOf(t, gauge); got != 1 {
		t.Errorf("the gauge is %v", got)
	}
	secrets.answer.Store(ptrTo(errForbidden))
	if !n.Readable("a") {
		t.Error("what was read once is forgotten")
	}
}

func ptrTo(err error) *error { return &err }
