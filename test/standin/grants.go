package standin

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"sync"
	"time"
)

const (
	// tokenBytes of randomness make a URL that cannot be guessed, about as long as the
	// one in the document's sample.
	tokenBytes = 102
	// retention is how long an expired URL is distinguished from an unknown one.
	retention = 24 * time.Hour
)

// Grant is a URL that was granted.
type Grant struct {
	// URL opens the billing page without a login.
	URL string
	// Expire is when it stops working, by the server's clock.
	Expire time.Time
	// Purge is what was asked for: delete, process or nothing.
	Purge string
}

// grantRecord is a grant with its key.
type grantRecord struct {
	grant Grant
	key   string
	used  bool // the URL has been opened
}

// grants are the URLs that were granted.
type grants struct {
	mu      sync.Mutex
	byToken map[string]*grantRecord
	byKey   map[string][]*grantRecord
	visits  int
	sweepAt int // how many grants lead to the next sweep
}

func randomToken() string {
	token := make([]byte, tokenBytes)
	_, _ = rand.Read(token) // never fails
	return base64.RawURLEncoding.EncodeToString(token)
}

func (g *grants) add(key string, grant Grant, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byToken == nil {
		g.byToken, g.byKey = map[string]*grantRecord{}, map[string][]*grantRecord{}
	}
	record := &grantRecord{grant: grant, key: key}
	g.byToken[tokenOf(grant.URL)] = record
	g.byKey[key] = append(g.byKey[key], record)
	g.sweep(now)
}

// sweep drops grants that expired long ago, so that a server can run for months. It does
// so whenever there are twice as many as after the last sweep.
func (g *grants) sweep(now time.Time) {
	if len(g.byToken) < g.sweepAt {
		return
	}
	for key, records := range g.byKey {
		var kept []*grantRecord
		for _, record := range records {
			if now.Sub(record.grant.Expire) > retention {
				delete(g.byToken, tokenOf(record.grant.URL))
				continue
			}
			kept = append(kept, record)
		}
		g.byKey[key] = kept
		if kept == nil {
			delete(g.byKey, key)
		}
	}
	g.sweepAt = max(1024, 2*len(g.byToken))
}

// last returns the newest grant of a key, and whether it is alive.
func (g *grants) last(key string, now time.Time) (Grant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	records := g.byKey[key]
	if len(records) == 0 {
		return Grant{}, false
	}
	last := records[len(records)-1].grant
	return last, now.Before(last.Expire)
}

func (g *grants) of(key string) []Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []Grant
	for _, record := range g.byKey[key] {
		all = append(all, record.grant)
	}
	return all
}

func (g *grants) visited() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.visits
}

// open finds the grant of a token and marks it as used. It returns nil for an unknown
// token. The second result reports whether the grant was used before.
func (g *grants) open(token string) (found *grantRecord, usedBefore bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.visits++
	found = g.byToken[token]
	if found == nil {
		return nil, false
	}
	usedBefore = found.used
	found.used = true
	return found, usedBefore
}

func tokenOf(granted string) string {
	parsed, err := url.Parse(granted)
	if err != nil {
		return ""
	}
	return parsed.Query().Get("t")
}
