// Package apikey reads API keys, each version of a Secret once, however many sessions
// refer to it.
package apikey

import (
	"context"
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

	mu   sync.Mutex
	keys map[types.NamespacedName]map[string]*cachedKey // by Secret, and by entry of it
}

// cachedKey is what was read at a version. Its lock is held while reading, so that sessions
// which share a key wait for one read.
type cachedKey struct {
	mu       sync.Mutex
	status   Status
	loadedAt time.Time
}

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
	k := c.key(ref)
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.isCurrent(k, *seen) {
		return k.status
	}
	return Status{Version: *seen, State: renewal.KeyUnread}
}

// Load reads the key unless this version of it was read already.
func (c *Cache) Load(ctx context.Context, ref Ref, seen Version) (Status, error) {
	k := c.key(ref)
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.isCurrent(k, seen) {
		return k.status, nil
	}
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
	k.status, k.loadedAt = parse(ref, &secret), c.clock.Now()
	return k.status, nil
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

func (c *Cache) key(ref Ref) *cachedKey {
	c.mu.Lock()
	defer c.mu.Unlock()
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
