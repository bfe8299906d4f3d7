package pair

import "testing"

// The daemon is killed: its mastership process hands over without a gap.
func TestACrashedDaemonHandsOver(t *testing.T) {
	t.Parallel()
	beside(t, fast, func(t *testing.T, p *Pair, a, b *Director) {
		mark := p.Mark()
		a.Crash()
		p.Master(b)
		handedOver(t, p, mark, a, b)
	})
}

// The daemon is killed and nobody is there: the address stays answered, before and after
// the next start.
func TestACrashedDaemonWithoutAPeer(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	ping := p.Ping()
	mark := p.Mark()
	a.Crash()
	p.Sees(mark, a, Advertises, 0)
	a.Gone()
	ping.Answered()
	a.Start()
	p.Stays(a)
	never(t, p, mark, a, Removes)
	if got := ping.Stop(); got.Lost > 0 {
		t.Errorf("%d pings of %d lost", got.Lost, got.Sent)
	}
}

// Daemon and mastership process are killed at once, and another director has taken over:
// what lingers goes at the next start, which does not fight.
func TestAfterACrashOfAllALivingMasterIsNotFought(t *testing.T) {
	t.Parallel()
	beside(t, 3*fast, func(t *testing.T, p *Pair, a, b *Director) {
		mark := p.Mark()
		a.CrashAll()
		p.Sees(mark, b, Advertises, low)
		p.Holds(b)
		p.Holds(a)
		never(t, p, mark, a, Removes)

		mark = p.Mark()
		a.Start()
		p.Bare(a)
		p.Stays(b)
		never(t, p, mark, a, Advertises)
		never(t, p, mark, b, Removes)
	})
}

// Daemon and mastership process are killed at once, and nobody is there: the next start
// adopts what lingers. The address never leaves.
func TestAfterACrashOfAllWhatLingersIsAdopted(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	ping := p.Ping()
	mark := p.Mark()
	a.CrashAll()
	ping.Answered()
	a.Start()
	p.Stays(a)
	never(t, p, mark, a, Removes)
	never(t, p, mark, a, Adds)
	if got := ping.Stop(); got.Lost > 0 {
		t.Errorf("%d pings of %d lost", got.Lost, got.Sent)
	}
}

// The same input ends the daemon on both hosts. The address is answered all the same: the
// first hands over, and the second, whom nobody follows, leaves it where it is.
func TestAPoisonThatEndsEveryDaemon(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast},
		Member{Program: Mainstay, Binary: "mainstay-lab", Priority: high}, Member{Program: Mainstay, Binary: "mainstay-lab", Priority: low})
	a, b := p.Directors[0], p.Directors[1]
	a.Start()
	b.Start()
	p.Master(a)
	ping := p.Ping()
	mark := p.Mark()
	a.Poison()
	p.Master(b)
	handedOver(t, p, mark, a, b)

	mark = p.Mark()
	b.Poison()
	p.Sees(mark, b, Advertises, 0)
	a.Gone()
	b.Gone()
	never(t, p, mark, b, Removes)
	ping.Stop() // after more answers
}
