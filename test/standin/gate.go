package standin

import (
	"context"
	"sync"
)

// gate holds answers back until all holds are released.
type gate struct {
	mu    sync.Mutex
	holds []chan struct{}
}

func (g *gate) hold() (release func()) {
	held := make(chan struct{})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds = append(g.holds, held)
	return sync.OnceFunc(func() { close(held) })
}

// pass waits until there are no holds. It reports whether the client is still there.
func (g *gate) pass(ctx context.Context) bool {
	for {
		held := g.first()
		if held == nil {
			return true
		}
		select {
		case <-held:
			g.drop(held)
		case <-ctx.Done():
			return false
		}
	}
}

func (g *gate) first() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.holds) == 0 {
		return nil
	}
	return g.holds[0]
}

func (g *gate) drop(held chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.holds) > 0 && g.holds[0] == held {
		g.holds = g.holds[1:]
	}
}
