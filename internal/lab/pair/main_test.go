package pair

import (
	"flag"
	"os"
	"testing"
	"time"
)

// TestMain lets many pairs play at once: they do little but wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// fast is short enough for a test, and long enough for a busy machine.
const fast = 100 * time.Millisecond

// pairings are all ways for two programs to play a higher priority, 200, and a lower
// one, 100. keepalived beside itself shows that a scene is right.
var pairings = [][2]Program{
	{Mainstay, Mainstay}, {Mainstay, Keepalived}, {Keepalived, Mainstay}, {Keepalived, Keepalived},
}

// peers are the programs that Mainstay hands over to.
var peers = []Program{Mainstay, Keepalived}

const high, low = 200, 100

// each plays a scene for each pairing and each router, all at once.
func each(t *testing.T, routers []Router, scene func(t *testing.T, r Router, programs [2]Program)) {
	for _, r := range routers {
		for _, programs := range pairings {
			t.Run(r.String()+"/"+string(programs[0])+"-"+string(programs[1]), func(t *testing.T) {
				t.Parallel()
				scene(t, r, programs)
			})
		}
	}
}

// beside plays a scene for a pair whose higher priority is Mainstay's, for each peer.
func beside(t *testing.T, interval time.Duration, scene func(t *testing.T, p *Pair, a, b *Director)) {
	for _, peer := range peers {
		t.Run(string(peer), func(t *testing.T) {
			t.Parallel()
			p := New(t, Router{Version: 3, Interval: interval},
				Member{Program: Mainstay, Priority: high}, Member{Program: peer, Priority: low})
			a, b := p.Directors[0], p.Directors[1]
			a.Start()
			b.Start()
			p.Master(a)
			scene(t, p, a, b)
		})
	}
}

// alone is a router without another: a director of Mainstay's that is master.
func alone(t *testing.T) (*Pair, *Director) {
	t.Helper()
	p := New(t, Router{Version: 3, Interval: fast}, Member{Program: Mainstay, Priority: high})
	p.Directors[0].Start()
	p.Master(p.Directors[0])
	return p, p.Directors[0]
}

// handedOver finds the order of effects of a handover that breaks nothing, from a mark
// on: the old master says priority 0, the new one advertises, and only then the old
// one's addresses go. Times count here: events of different hosts may be seen in another
// order than they had.
func handedOver(t *testing.T, p *Pair, mark int, from, to *Director) {
	t.Helper()
	released := p.Sees(mark, from, Advertises, 0).At
	taken := p.Sees(mark, to, Advertises, to.Priority).At
	for _, e := range p.Since(mark) {
		switch {
		case e.Director == from && e.What == Removes && e.At.Before(taken):
			t.Errorf("%s let go before %s was master: %s", from, to, e)
		case e.Director == from && e.What == Advertises && e.Priority > 0 && e.At.After(released):
			t.Errorf("%s went on after it had released: %s", from, e)
		}
	}
}

// never fails where a director did a thing from a mark on.
func never(t *testing.T, p *Pair, mark int, d *Director, what What) {
	t.Helper()
	for _, e := range p.Since(mark) {
		if e.Director == d && e.What == what && (what != Advertises || e.Priority > 0) {
			t.Errorf("not wanted: %s", e)
		}
	}
}

// neverLetsGo fails where a director gave up any of the addresses from a mark on, or said
// that it would.
func neverLetsGo(t *testing.T, p *Pair, mark int, d *Director) {
	t.Helper()
	never(t, p, mark, d, Removes)
	for _, e := range p.Since(mark) {
		if e.Director == d && e.What == Advertises && e.Priority == 0 {
			t.Errorf("not wanted: %s", e)
		}
	}
}
