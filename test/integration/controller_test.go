package integration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

// runningController is a manager that was started, with its metrics.
type runningController struct {
	registry *prometheus.Registry
	stop     func()
}

// run starts a controller as the manager wires it, and stops it with the test.
func (w *world) run() {
	w.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.passes = w.passes.ofNext()
	w.controller = &runningController{registry: prometheus.NewRegistry()}
	mgr, err := w.manager(w.controller.registry)
	if err != nil {
		w.T.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.controller.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.T.Errorf("the manager ended with: %v", err)
		}
	})
	w.T.Cleanup(w.controller.stop)
}

// restart ends the controller and runs another, which knows nothing of the first.
func (w *world) restart() {
	w.T.Helper()
	w.controller.stop()
	w.run()
}

func (w *world) manager(registry *prometheus.Registry) (ctrl.Manager, error) {
	namespaces := map[string]cache.Config{w.Namespace: {}}
	mgr, err := ctrl.NewManager(w.connection, ctrl.Options{
		Scheme:     env.Scheme(),
		Cache:      cache.Options{DefaultNamespaces: namespaces, ByObject: w.options.Cached()},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		Logger:     testLogs.logger(),
		NewClient: func(config *rest.Config, options client.Options) (client.Client, error) {
			c, err := client.NewWithWatch(config, options)
			return interceptor.NewClient(c, w.calls.watchWrites()), err
		},
	})
	if err != nil {
		return nil, err
	}
	issuer, err := endpoint.New(endpoint.Config{
		URL: w.URL + standin.Path, Timeout: 30 * time.Second, Clock: w.clock, UserAgent: "test",
	})
	if err != nil {
		return nil, err
	}
	reconciler := controllers.New(controllers.Dependencies{
		Client: mgr.GetClient(), APIReader: liveReader{mgr.GetAPIReader(), &w.calls}, Endpoint: issuer, Clock: w.clock,
		Events: mgr.GetEventRecorder("billing-operator"), Metrics: metrics.NewRequests(registry),
	}, w.options)
	registry.MustRegister(&metrics.Sessions{
		Cache: mgr.GetCache(), Leading: mgr.Elected(), Clock: w.clock, PerSession: true,
	})
	options := w.options.Controller()
	options.NewQueue = w.queue
	return mgr, reconciler.SetupWithManager(mgr, options)
}

// passes counts what the workers did.
type passes struct {
	mu    sync.Mutex
	busy  int
	ended map[reconcile.Request]int
	// begun is how often the clock had been stepped when the pass under way began.
	begun map[reconcile.Request]int
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// ofNext goes on counting for another controller.
func (p *passes) ofNext() *passes {
	next := &passes{ended: map[reconcile.Request]int{}, begun: map[reconcile.Request]int{}}
	if p != nil {
		maps.Copy(next.ended, p.ended)
	}
	return next
}

// watchedQueue is the controller's queue, which lives by the world's clock.
type watchedQueue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	passes *passes
	clock  *runningClock
}

func (w *world) queue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	queue := workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
		Name: name, Clock: w.clock,
	})
	w.passes.mu.Lock()
	defer w.passes.mu.Unlock()
	w.passes.queue = queue
	return watchedQueue{queue, w.passes, w.clock}
}

func (q watchedQueue) Get() (reconcile.Request, bool) {
	request, shutdown := q.TypedRateLimitingInterface.Get()
	q.passes.mu.Lock()
	defer q.passes.mu.Unlock()
	q.passes.busy++
	q.passes.begun[request] = q.clock.stepsSoFar()
	return request, shutdown
}

// cacheRetry is when the controller looks again at a cache that is behind.
const cacheRetry = 500 * time.Millisecond

// AddAfter counts from when the pass began. If the test lets time pass just when a pass ends,
// its wait would begin after that, and the test would wait in vain. What waits for
// a cache that is behind looks again in its time: caches do not live by this clock.
func (q watchedQueue) AddAfter(request reconcile.Request, wait time.Duration) {
	if wait == cacheRetry {
		q.passes.note(1)
		time.AfterFunc(wait, func() {
			if q.clock.stopped.Load() { // a cache may be behind for so long, and no longer
				q.clock.FakeClock.Step(wait)
			}
			q.Add(request)
			q.passes.note(-1)
		})
		return
	}
	q.passes.mu.Lock()
	begun := q.passes.begun[request]
	q.passes.mu.Unlock()
	q.clock.since(begun, func(isStepped bool) {
		if isStepped {
			wait = 0
		}
		q.TypedRateLimitingInterface.AddAfter(request, wait)
	})
}

func (q watchedQueue) Done(request reconcile.Request) {
	q.TypedRateLimitingInterface.Done(request)
	q.passes.mu.Lock()
	defer q.passes.mu.Unlock()
	q.passes.busy--
	q.passes.ended[request]++
}

// note counts who is at work.
func (p *passes) note(more int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy += more
}

func (p *passes) resting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue != nil && p.busy <= 0 && p.queue.Len() == 0
}

func (p *passes) of(request reconcile.Request) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended[request]
}

// rest waits until no worker has anything to do, for a few looks in a row: what one
// pass writes brings about the next. It never comes while a request is held back: seenBy
// waits for less.
func (w *world) rest() {
	w.T.Helper()
	looks := 0
	env.Until(w.T, "rest", func() bool {
		if looks++; !w.passes.resting() {
			looks = 0
		}
		return looks >= 5
	})
}

// andPass makes a change, and waits until the session was looked at after it and nobody has
// anything more to do.
func (w *world) andPass(name string, change func()) {
	w.T.Helper()
	w.seenBy(name, change)
	w.rest()
}

// poke has the session looked at: somebody adds a label to its Secret, which changes nothing else.
func (w *world) poke(name string) {
	w.T.Helper()
	w.editSecret(name, func(s *corev1.Secret) { s.Labels["poked"] = strconv.FormatInt(time.Now().UnixNano(), 10) })
}

// seenBy makes a change, and waits until the session was looked at after it. Others may be at
// work: one whose request is held back is not looked at.
func (w *world) seenBy(name string, change func()) {
	w.T.Helper()
	request := reconcile.Request{NamespacedName: w.At(name)}
	before := w.passes.of(request)
	change()
	env.Until(w.T, "a pass over session "+name, func() bool { return w.passes.of(request) > before })
}

// call is a write to the API server, or a read past the caches.
type call struct {
	verb   string // create, update, patch, patch status, get, list
	dryRun bool
	object client.Object
}

func (c call) String() string {
	if c.dryRun {
		return fmt.Sprintf("%s %T (dry run)", c.verb, c.object)
	}
	return fmt.Sprintf("%s %T", c.verb, c.object)
}

// calls records what the controller asks of the API server, and makes it fail.
type calls struct {
	mu   sync.Mutex
	made []string
	// before is asked before each call: what it returns comes instead of the call.
	before func(call) error
	// after is asked after each call that worked: what it returns hides the success.
	after func(call) error
}

func (c *calls) fail(before, after func(call) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before, c.after = before, after
}

// since gives what was called since the last time that was asked.
func (c *calls) since() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := slices.Clone(c.made)
	c.made = nil
	return made
}

func (c *calls) make(what call, do func() error) error {
	c.mu.Lock()
	c.made = append(c.made, what.String())
	before, after := c.before, c.after
	c.mu.Unlock()
	if before != nil {
		if err := before(what); err != nil {
			return err
		}
	}
	if err := do(); err != nil || after == nil {
		return err
	}
	return after(what)
}

func (c *calls) watchWrites() interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, to client.WithWatch, object client.Object, options ...client.CreateOption) error {
			dryRun := len((&client.CreateOptions{}).ApplyOptions(options).DryRun) > 0
			return c.make(call{"create", dryRun, object}, func() error { return to.Create(ctx, object, options...) })
		},
		Update: func(ctx context.Context, to client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			dryRun := len((&client.UpdateOptions{}).ApplyOptions(options).DryRun) > 0
			return c.make(call{"update", dryRun, object}, func() error { return to.Update(ctx, object, options...) })
		},
		Patch: func(ctx context.Context, to client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			dryRun := len((&client.PatchOptions{}).ApplyOptions(options).DryRun) > 0
			return c.make(call{"patch", dryRun, object}, func() error { return to.Patch(ctx, object, patch, options...) })
		},
		SubResourcePatch: func(ctx context.Context, to client.Client, sub string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			return c.make(call{"patch " + sub, false, object}, func() error { return to.SubResource(sub).Patch(ctx, object, patch, options...) })
		},
	}
}

// liveReader reads past the caches.
type liveReader struct {
	client.Reader
	calls *calls
}

func (r liveReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return r.calls.make(call{"get", false, object}, func() error { return r.Reader.Get(ctx, key, object, options...) })
}

func (r liveReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return r.calls.make(call{"list", false, nil}, func() error { return r.Reader.List(ctx, list, options...) })
}
