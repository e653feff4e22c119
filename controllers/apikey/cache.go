// Package apikey reads API keys, each version of a Secret once, however many sessions
// refer to it.
package apikey

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

const (
	// maxKeys bounds the memory: whoever makes up names of Secrets and of their entries would
	// otherwise fill it. Beyond that many keys a renewal may cost another read.
	maxKeys = 1 << 15
	// keyLife is how long a key is remembered that nobody looks up. Each session is looked at
	// more often than that.
	keyLife = time.Hour
	// maxRead bounds a read of the API server, which several sessions may wait for.
	maxRead = 10 * time.Second
)

// Cache holds the keys that were read. Many goroutines may use it at once.
type Cache struct {
	// reader reads past every cache, because a cache would hold foreign Secrets.
	reader client.Reader
	clock  clock.PassiveClock
	// keys holds the Status of each Ref at the version that was read last.
	keys  *cache.LRUExpireCache
	reads singleflight.Group

	mu    sync.Mutex
	swept time.Time
}

// NewCache is an empty cache in front of the reader.
func NewCache(reader client.Reader, clock clock.PassiveClock) *Cache {
	return &Cache{reader: reader, clock: clock, keys: cache.NewLRUExpireCacheWithClock(maxKeys, clock)}
}

// Lookup returns what is known of the key without reading it. seen is the version of its
// Secret that a watch reported, nil when there is no such Secret.
func (c *Cache) Lookup(ref Ref, seen *Version) Status {
	c.sweep()
	if seen == nil {
		return Status{State: renewal.KeyMissing}
	}
	found, _ := c.keys.Get(ref)
	known, ok := found.(Status)
	if !ok || !known.Version.isCurrent(*seen) {
		return Status{Version: *seen, State: renewal.KeyUnread}
	}
	c.keys.Add(ref, known, keyLife)
	return known
}

// isCurrent reports whether a key that was read at v need not be read again because of the
// version that a watch reported, which may lag behind a read.
func (v Version) isCurrent(seen Version) bool {
	order, err := resourceversion.CompareResourceVersion(v.ResourceVersion, seen.ResourceVersion)
	return v == seen || v.UID == seen.UID && err == nil && order > 0
}

// Load reads the key unless this version of it was read already. Sessions that share a key wait
// for one read.
func (c *Cache) Load(ctx context.Context, ref Ref, seen Version) (Status, error) {
	if known := c.Lookup(ref, &seen); known.State != renewal.KeyUnread {
		return known, nil
	}
	read, err, _ := c.reads.Do(fmt.Sprint(ref, seen), func() (any, error) {
		// The read is not only for the session that began it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxRead)
		defer cancel()
		return c.read(ctx, ref, seen)
	})
	if err != nil {
		return Status{}, fmt.Errorf("read the API key: %w", err)
	}
	return read.(Status), nil //nolint:forcetypeassert // as read returns
}

func (c *Cache) read(ctx context.Context, ref Ref, seen Version) (Status, error) {
	var secret corev1.Secret
	err := c.reader.Get(ctx, ref.Secret, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return Status{State: renewal.KeyMissing}, nil
	case apierrors.IsForbidden(err):
		return Status{Version: seen, State: renewal.KeyForbidden}, nil
	case err != nil:
		return Status{}, err
	}
	status := parse(ref, &secret)
	c.keys.Add(ref, status, keyLife)
	return status, nil
}

// sweep drops the keys that were not looked up for a while, once in that while. By itself the
// LRU cache drops one only when it is asked for it, or full.
func (c *Cache) sweep() {
	c.mu.Lock()
	now := c.clock.Now()
	isDue := now.Sub(c.swept).Abs() >= keyLife
	if isDue {
		c.swept = now
	}
	c.mu.Unlock()
	if !isDue {
		return
	}
	fresh := map[any]bool{}
	for _, ref := range c.keys.Keys() {
		fresh[ref] = true
	}
	c.keys.RemoveAll(func(ref any) bool { return !fresh[ref] })
}
