package informers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// listerWatcher is how an informer lists and watches its namespace.
type listerWatcher struct {
	from       toolscache.ListerWatcherWithContext
	namespaces *Namespaces
	informer   *informer
}

func (lw *listerWatcher) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	return persist(ctx, lw, func(ctx context.Context) (runtime.Object, error) {
		return lw.from.ListWithContext(ctx, options)
	})
}

func (lw *listerWatcher) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return persist(ctx, lw, func(ctx context.Context) (watch.Interface, error) {
		return lw.from.WatchWithContext(ctx, options)
	})
}

// newBackoff paces what persist repeats. A reflector's own waits grow to a minute, after
// which a namespace that was opened would still not be listed.
func newBackoff() wait.Backoff {
	return wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.5, Steps: 10, Cap: 20 * time.Second}
}

// persist repeats a call while the API server forbids it in a namespace that was named. Other
// errors are the reflector's to handle.
func persist[T any](ctx context.Context, lw *listerWatcher, call func(context.Context) (T, error)) (T, error) {
	backoff := newBackoff()
	for {
		recorded, namespace := recordNamespace(ctx)
		result, err := call(recorded)
		switch {
		case !lw.namespaces.named[*namespace]:
			return result, err
		case err == nil:
			lw.namespaces.admit(*namespace, lw.informer)
			return result, nil
		case !apierrors.IsForbidden(err):
			return result, err
		}
		lw.namespaces.refuse(*namespace, lw.informer, err)
		select {
		case <-ctx.Done():
			return result, err
		case <-lw.namespaces.clock.After(backoff.Step()):
		}
	}
}
