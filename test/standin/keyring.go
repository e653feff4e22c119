package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// KeyID is a short name for a key that may be shown: the beginning of its SHA-256.
// The empty key has none.
func KeyID(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:4])
}

// keyring is the keys that have access.
type keyring struct {
	mu    sync.Mutex
	any   bool
	known map[string]bool
}

func (k *keyring) acceptAny() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.any = true
}

func (k *keyring) add(keys ...string) { k.set(true, keys) }

func (k *keyring) revoke(keys ...string) { k.set(false, keys) }

func (k *keyring) set(known bool, keys []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]bool{}
	}
	for _, key := range keys {
		k.known[key] = known
	}
}

func (k *keyring) know(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	known, told := k.known[key]
	return known || k.any && !told
}
