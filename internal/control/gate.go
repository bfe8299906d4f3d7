package control

import "sync"

// gate counts the requests under way, and lets no more in once it is shut. The
// zero value is open and empty.
type gate struct {
	mu     sync.Mutex
	inside int
	empty  chan struct{} // nil while the gate is open; closed when it is shut and nobody is inside
}

// enter reports whether the gate was open; who entered must leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.empty != nil && g.inside == 0 {
		close(g.empty)
	}
}

// shut closes the gate, once, and returns a channel that is closed when all have
// left.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.empty = make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	return g.empty
}
