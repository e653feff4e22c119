package standin

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"sync"
	"time"
)

const (
	// tokenBytes of randomness make a URL that nobody guesses, about as long as
	// the one in the document's sample.
	tokenBytes = 102
	// remembered is for how long an expired URL is told from an unknown one.
	remembered = 24 * time.Hour
)

// Grant is a URL that was given out.
type Grant struct {
	// URL opens the billing page without a login.
	URL string
	// Expire is when it stops working, by the server's clock.
	Expire time.Time
	// Purge as it was asked for: delete, process or nothing.
	Purge string
}

// pass is what the holder of a URL may see.
type pass struct {
	grant Grant
	key   string
	used  bool
}

// grants is the URLs that were given out.
type grants struct {
	mu      sync.Mutex
	byToken map[string]*pass
	byKey   map[string][]*pass
	visits  int
	sweepAt int
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
		g.byToken, g.byKey = map[string]*pass{}, map[string][]*pass{}
	}
	p := &pass{grant: grant, key: key}
	g.byToken[tokenOf(grant.URL)] = p
	g.byKey[key] = append(g.byKey[key], p)
	g.sweep(now)
}

// sweep forgets what expired long ago, whenever there is twice as much as after
// the last time, so that a server may run for months.
func (g *grants) sweep(now time.Time) {
	if len(g.byToken) < g.sweepAt {
		return
	}
	for key, passes := range g.byKey {
		var kept []*pass
		for _, p := range passes {
			if now.Sub(p.grant.Expire) > remembered {
				delete(g.byToken, tokenOf(p.grant.URL))
				continue
			}
			kept = append(kept, p)
		}
		g.byKey[key] = kept
		if kept == nil {
			delete(g.byKey, key)
		}
	}
	g.sweepAt = max(1024, 2*len(g.byToken))
}

// last is the newest grant of a key that is alive.
func (g *grants) last(key string, now time.Time) (Grant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	passes := g.byKey[key]
	if len(passes) == 0 {
		return Grant{}, false
	}
	last := passes[len(passes)-1].grant
	return last, now.Before(last.Expire)
}

func (g *grants) of(key string) []Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []Grant
	for _, p := range g.byKey[key] {
		all = append(all, p.grant)
	}
	return all
}

func (g *grants) visited() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.visits
}

// open finds the pass of a token and uses it. It is nil for an unknown token; used
// tells whether it had been used before.
func (g *grants) open(token string) (found *pass, used bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.visits++
	found = g.byToken[token]
	if found == nil {
		return nil, false
	}
	used = found.used
	found.used = true
	return found, used
}

func tokenOf(granted string) string {
	parsed, err := url.Parse(granted)
	if err != nil {
		return ""
	}
	return parsed.Query().Get("t")
}
