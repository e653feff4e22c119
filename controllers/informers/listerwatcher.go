package informers

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// listerWatcher is how an informer's reflector lists and watches.
type listerWatcher struct {
	from       toolscache.ListerWatcherWithContext
	namespaces *Namespaces
	informer   *informer
	// justListed reports whether no watch was tried since the last list. A watch that begins
	// there need not be checked.
	justListed atomic.Bool
}

// list lists what there is now. A reflector asks for what is at least as new as what it knows,
// which a restored cluster does not have: client-go repeats that for 40 seconds.
func (lw *listerWatcher) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	if options.ResourceVersion != anyVersion {
		options.ResourceVersion = ""
	}
	return persist(ctx, lw, func(ctx context.Context) (runtime.Object, error) {
		list, err := lw.from.ListWithContext(ctx, options)
		lw.justListed.Store(err == nil)
		return list, err
	})
}

// anyVersion accepts a list that may be old. Reflectors begin with it.
const anyVersion = "0"

// watch begins a watch, unless etcd may have been restored since the one before it ended. An
// API server sends nothing until its versions have passed the one that the watch begins at,
// and nothing of what happened until then.
func (lw *listerWatcher) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	streamsList := ptr.Deref(options.SendInitialEvents, false)
	if streamsList {
		options.ResourceVersion = "" // as in list
	}
	wasUnanswered := false
	return persist(ctx, lw, func(ctx context.Context) (watch.Interface, error) {
		continues := !lw.justListed.Swap(false) && !streamsList
		if continues {
			if err := lw.checkVersion(ctx, options.ResourceVersion); err != nil {
				wasUnanswered = wasUnanswered || isUnanswered(err)
				return nil, err
			}
		}
		if continues && wasUnanswered {
			// Meanwhile the restored cluster's versions may have grown past ours.
			return nil, apierrors.NewResourceExpired("no API server answered for a while, and etcd may have been restored")
		}
		watching, err := lw.from.WatchWithContext(ctx, options)
		wasUnanswered = wasUnanswered || isUnanswered(err)
		return watching, err
	})
}

// checkVersion returns an error that makes the reflector list anew if the cluster's version is
// below this one: its etcd was restored from a backup.
func (lw *listerWatcher) checkVersion(ctx context.Context, version string) error {
	list, err := lw.from.ListWithContext(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return err
	}
	current := accessor.GetResourceVersion()
	if !isBelow(current, version) {
		return nil
	}
	lw.namespaces.log.Info("The cluster's resource versions have gone back, as when etcd is restored from a backup; its objects are listed anew",
		"from", version, "to", current)
	return apierrors.NewResourceExpired(fmt.Sprintf("resource version %s is above the cluster's, which is %s", version, current))
}

// isBelow reports whether resource version a is earlier than b. Versions that cannot be
// compared say nothing.
func isBelow(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// newBackoff paces what persist repeats. A reflector's own waits grow to a minute, and there
// may be several in a row.
func newBackoff() wait.Backoff {
	return wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.5, Steps: 10, Cap: 20 * time.Second}
}

// persist repeats a call while no API server answers, or while it forbids the call in a
// namespace that was named. Other errors are the reflector's to handle.
func persist[T any](ctx context.Context, lw *listerWatcher, call func(context.Context) (T, error)) (T, error) {
	backoff, isLogged := newBackoff(), false
	for {
		recorded, namespace := recordNamespace(ctx)
		result, err := call(recorded)
		isNamed := lw.namespaces.named[*namespace]
		switch {
		case err == nil && isNamed:
			lw.namespaces.admit(*namespace, lw.informer)
			return result, nil
		case isNamed && apierrors.IsForbidden(err):
			lw.namespaces.refuse(*namespace, lw.informer, err)
		case isUnanswered(err) && ctx.Err() == nil:
			if !isLogged {
				lw.namespaces.log.Error(err, "The API server does not answer a list or watch; it is tried again")
			}
			isLogged = true
		default:
			return result, err
		}
		select {
		case <-ctx.Done():
			return result, err
		case <-lw.namespaces.clock.After(backoff.Step()):
		}
	}
}

// isUnanswered reports whether there was no answer, or the one to come back later.
func isUnanswered(err error) bool {
	return err != nil && (apierrors.IsTooManyRequests(err) || !errors.As(err, new(apierrors.APIStatus)))
}
