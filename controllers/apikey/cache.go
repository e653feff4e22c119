// Package apikey reads API keys, each version of a Secret once, however many sessions
// refer to it.
package apikey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Cache holds the keys that were read. Many goroutines may use it at once.
type Cache struct {
	// reader reads past every cache, because a cache would hold foreign Secrets.
	reader client.Reader
	clock  clock.PassiveClock

	// mu is never held over a read.
	mu   sync.Mutex
	keys map[types.NamespacedName]map[string]*cachedKey // by Secret, and by entry of it
}

// cachedKey is what was read at a version.
type cachedKey struct {
	status   Status
	loadedAt time.Time
	// read is the read that is under way, nil when there is none.
	read *read
}

// read is one that is under way. Sessions which share a key wait for one read.
type read struct {
	done chan struct{}
	// hangs reports whether somebody waited for it in vain.
	hangs bool
}

// ErrBusy says that the key is being read, and that it takes long.
var ErrBusy = errors.New("the API key is being read")

// maxReadWait is how long a session waits for the read of another. Whoever waits longer
// holds a worker for nothing.
const maxReadWait = 250 * time.Millisecond

// NewCache is an empty cache in front of the reader.
func NewCache(reader client.Reader, clock clock.PassiveClock) *Cache {
	return &Cache{reader: reader, clock: clock, keys: map[types.NamespacedName]map[string]*cachedKey{}}
}

// Lookup returns what is known of the key without reading it. seen is the version of its
// Secret that a watch reported, nil when there is no such Secret.
func (c *Cache) Lookup(ref Ref, seen *Version) Status {
	if seen == nil {
		return Status{State: renewal.KeyMissing}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.key(ref); c.isCurrent(k, *seen) {
		return k.status
	}
	return Status{Version: *seen, State: renewal.KeyUnread}
}

// Load reads the key unless this version of it was read already. It returns ErrBusy while
// another read of the key takes long.
func (c *Cache) Load(ctx context.Context, ref Ref, seen Version) (Status, error) {
	for {
		status, ours, others := c.begin(ref, seen)
		switch {
		case ours != nil:
			return c.load(ctx, ref, seen, ours)
		case others == nil:
			return status, nil
		}
		if err := c.await(ctx, others); err != nil {
			return Status{}, err
		}
	}
}

// begin returns the status if the key was read, and otherwise the read that is to be made or
// to be waited for.
func (c *Cache) begin(ref Ref, seen Version) (status Status, ours, others *read) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.key(ref)
	switch {
	case c.isCurrent(k, seen):
		return k.status, nil, nil
	case k.read != nil:
		return Status{}, nil, k.read
	}
	k.read = &read{done: make(chan struct{})}
	return Status{}, k.read, nil
}

// await waits until a read of another ends.
func (c *Cache) await(ctx context.Context, other *read) error {
	c.mu.Lock()
	hangs := other.hangs
	c.mu.Unlock()
	if hangs {
		return ErrBusy
	}
	wait, cancel := context.WithTimeout(ctx, maxReadWait)
	defer cancel()
	select {
	case <-other.done:
		return nil
	case <-wait.Done():
		c.mu.Lock()
		other.hangs = true
		c.mu.Unlock()
		return ErrBusy
	}
}

// load makes a read.
func (c *Cache) load(ctx context.Context, ref Ref, seen Version, ours *read) (Status, error) {
	var loaded *Status
	defer func() { c.end(ref, ours, loaded) }() // also after a panic
	var secret corev1.Secret
	err := c.reader.Get(ctx, ref.Secret, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return Status{State: renewal.KeyMissing}, nil
	case apierrors.IsForbidden(err):
		return Status{Version: seen, State: renewal.KeyForbidden}, nil
	case err != nil:
		return Status{}, fmt.Errorf("read the API key: %w", err)
	}
	status := parse(ref, &secret)
	loaded = &status
	return status, nil
}

// end keeps what was read, unless the key was evicted meanwhile, and lets go who waits.
func (c *Cache) end(ref Ref, ours *read, loaded *Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(ours.done)
	k := c.keys[ref.Secret][ref.Entry]
	if k == nil || k.read != ours {
		return
	}
	k.read = nil
	if loaded != nil {
		k.status, k.loadedAt = *loaded, c.clock.Now()
	}
}

// maxCacheLag is how long a watch may report an older version than was read live because
// it lags. After that the version has gone back: the cluster's etcd was restored from a
// backup, and what was read before may not exist any more.
const maxCacheLag = 10 * time.Second

// isCurrent reports whether the key was read at the version that the watch reported, or at
// a later one of the same Secret.
func (c *Cache) isCurrent(k *cachedKey, seen Version) bool {
	if k.status.Version == seen {
		return true
	}
	return k.status.Version.UID == seen.UID && newer(k.status.Version.ResourceVersion, seen.ResourceVersion) &&
		c.clock.Since(k.loadedAt) < maxCacheLag
}

// newer reports whether resource version a is later than b.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

// key is the cached key. The caller holds the lock.
func (c *Cache) key(ref Ref) *cachedKey {
	byEntry, ok := c.keys[ref.Secret]
	if !ok {
		byEntry = map[string]*cachedKey{}
		c.keys[ref.Secret] = byEntry
	}
	k, ok := byEntry[ref.Entry]
	if !ok {
		k = &cachedKey{}
		byEntry[ref.Entry] = k
	}
	return k
}

// EvictEntry drops a key that no session names any more. Whoever makes up names of Secrets
// and of their entries would otherwise fill the process's memory.
func (c *Cache) EvictEntry(ref Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keys[ref.Secret], ref.Entry)
	if len(c.keys[ref.Secret]) == 0 {
		delete(c.keys, ref.Secret)
	}
}

// Evict drops the keys of a Secret that is gone.
func (c *Cache) Evict(secret types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keys, secret)
}

// Len is how many Secrets the cache holds keys of.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.keys)
}
