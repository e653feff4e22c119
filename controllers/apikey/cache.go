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
	// reader reads past every cache: no Secret that is not ours is ever held.
	reader client.Reader
	clock  clock.PassiveClock

	mu      sync.Mutex
	entries map[types.NamespacedName]map[string]*entry // by Secret and its entry
}

// entry is what was read at a version. Its lock is held while reading, so that sessions
// which share a key wait for one read.
type entry struct {
	mu       sync.Mutex
	status   Status
	loadedAt time.Time
}

// NewCache is an empty cache in front of the reader.
func NewCache(reader client.Reader, clock clock.PassiveClock) *Cache {
	return &Cache{reader: reader, clock: clock, entries: map[types.NamespacedName]map[string]*entry{}}
}

// Lookup returns what is known of the key without reading it. seen is the version of its
// Secret that a watch reported, nil when there is no such Secret.
func (c *Cache) Lookup(ref Ref, seen *Version) Status {
	if seen == nil {
		return Status{State: renewal.KeyMissing}
	}
	e := c.entry(ref)
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.isCurrent(e, *seen) {
		return e.status
	}
	return Status{Version: *seen, State: renewal.KeyUnread}
}

// Load reads the key unless this version of it was read already.
func (c *Cache) Load(ctx context.Context, ref Ref, seen Version) (Status, error) {
	e := c.entry(ref)
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.isCurrent(e, seen) {
		return e.status, nil
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
	e.status, e.loadedAt = parse(ref, &secret), c.clock.Now()
	return e.status, nil
}

// maxCacheLag is how long a watch that reports an older version than was read live is
// taken for late. After that the version has gone back: the cluster's etcd was restored
// from a backup, and what was read before may not exist any more.
const maxCacheLag = 10 * time.Second

// isCurrent reports whether the entry holds what the watch reported, or a later version
// of the same Secret.
func (c *Cache) isCurrent(e *entry, seen Version) bool {
	if e.status.Version == seen {
		return true
	}
	return e.status.Version.UID == seen.UID && newer(e.status.Version.ResourceVersion, seen.ResourceVersion) &&
		c.clock.Since(e.loadedAt) < maxCacheLag
}

func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

func (c *Cache) entry(ref Ref) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, ok := c.entries[ref.Secret]
	if !ok {
		entries = map[string]*entry{}
		c.entries[ref.Secret] = entries
	}
	e, ok := entries[ref.Entry]
	if !ok {
		e = &entry{}
		entries[ref.Entry] = e
	}
	return e
}

// Evict drops the keys of a Secret, which is gone or which no session names any more.
func (c *Cache) Evict(secret types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, secret)
}

// Len is how many Secrets the cache holds keys of.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}
