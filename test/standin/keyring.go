package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// KeyID returns a name of a key that may be shown: the beginning of its SHA-256. It
// returns nothing for the empty key.
func KeyID(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:4])
}

// keyring holds the keys that have access.
type keyring struct {
	mu     sync.Mutex
	any    bool            // unless revoked
	access map[string]bool // false for revoked keys
}

func (k *keyring) acceptAny() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.any = true
}

func (k *keyring) add(keys ...string) { k.set(true, keys) }

func (k *keyring) revoke(keys ...string) { k.set(false, keys) }

func (k *keyring) set(access bool, keys []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.access == nil {
		k.access = map[string]bool{}
	}
	for _, key := range keys {
		k.access[key] = access
	}
}

func (k *keyring) hasAccess(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	access, listed := k.access[key]
	return access || k.any && !listed
}
