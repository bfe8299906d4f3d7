package pair

import (
	"testing"
	"time"
)

// Whatever happens to a pair, there is one master each time it has settled, the one that
// it should be, and the addresses are on it alone.
func TestOneMasterEachTime(t *testing.T) {
	t.Parallel()
	each(t, []Router{
		{Version: 3, Interval: fast},
		{Version: 3, Interval: fast, Unicast: true},
		{Version: 3, Interval: fast, IPv6: true},
		{Version: 3, Interval: fast, IPv6: true, Unicast: true},
	}, func(t *testing.T, r Router, programs [2]Program) {
		p := New(t, r, Member{Program: programs[0], Priority: high}, Member{Program: programs[1], Priority: low})
		a, b := p.Directors[0], p.Directors[1]
		election(p, a, b)
		release(t, p, a, b)
		a.Start() // and preempts
		p.Master(a)

		a.Cable(false)
		p.Bare(a)
		p.Master(b)
		a.Cable(true)
		p.Master(a)

		p.Split()
		p.Holds(a)
		p.Holds(b)
		p.Heal()
		p.Master(a)
	})
}

// Version 2 knows whole seconds only, so its scene is short.
func TestOneMasterEachTimeInVersion2(t *testing.T) {
	t.Parallel()
	each(t, []Router{
		{Version: 2, Interval: time.Second},
		{Version: 2, Interval: time.Second, Unicast: true},
	}, func(t *testing.T, r Router, programs [2]Program) {
		p := New(t, r, Member{Program: programs[0], Priority: high}, Member{Program: programs[1], Priority: low})
		a, b := p.Directors[0], p.Directors[1]
		election(p, a, b)
		release(t, p, a, b)
		a.Start()
		p.Master(a)
	})
}

// election starts both: the higher priority is master, also where it comes last.
func election(p *Pair, a, b *Director) {
	p.t.Helper()
	b.Start()
	a.Start()
	p.Master(a)
}

// release stops a master: it says so, and the other need not wait until it is missed.
func release(t *testing.T, p *Pair, a, b *Director) {
	t.Helper()
	mark := p.Mark()
	a.Stop()
	p.Sees(mark, a, Advertises, 0)
	p.Master(b)
	if a.Program == Mainstay {
		handedOver(t, p, mark, a, b)
	}
}

// Equal priorities: who is master stays it, and of two masters the higher address wins.
func TestEqualPrioritiesAreSettledByAddress(t *testing.T) {
	t.Parallel()
	each(t, []Router{
		{Version: 3, Interval: fast},
		{Version: 3, Interval: fast, IPv6: true, Unicast: true},
	}, func(t *testing.T, r Router, programs [2]Program) {
		p := New(t, r, Member{Program: programs[0], Priority: low}, Member{Program: programs[1], Priority: low})
		a, b := p.Directors[0], p.Directors[1]
		a.Start()
		p.Master(a)
		b.Start()
		p.Stays(a)

		p.Split()
		p.Holds(b)
		p.Heal()
		p.Master(b)
	})
}

// Without preempt a higher priority waits until the master is gone.
func TestNoPreempt(t *testing.T) {
	t.Parallel()
	each(t, []Router{{Version: 3, Interval: 3 * fast}}, func(t *testing.T, r Router, programs [2]Program) {
		p := New(t, r, Member{Program: programs[0], Priority: high, NoPreempt: true}, Member{Program: programs[1], Priority: low})
		a, b := p.Directors[0], p.Directors[1]
		b.Start()
		p.Master(b)
		a.Start()
		p.Stays(b)
		never(t, p, 0, a, Advertises)

		release(t, p, b, a)
		p.Master(a)
		b.Start()
		p.Stays(a)
	})
}

// Of three, the next in line takes over, and no other.
func TestThreeDirectors(t *testing.T) {
	t.Parallel()
	for _, programs := range [][3]Program{
		{Mainstay, Keepalived, Mainstay}, {Keepalived, Mainstay, Keepalived}, {Keepalived, Keepalived, Keepalived},
	} {
		t.Run(string(programs[0])+"-"+string(programs[1])+"-"+string(programs[2]), func(t *testing.T) {
			t.Parallel()
			p := New(t, Router{Version: 3, Interval: fast},
				Member{Program: programs[0], Priority: high}, Member{Program: programs[1], Priority: 150}, Member{Program: programs[2], Priority: low})
			a, b, c := p.Directors[0], p.Directors[1], p.Directors[2]
			c.Start()
			b.Start()
			a.Start()
			p.Master(a)
			a.Cable(false)
			p.Master(b)
			release(t, p, b, c)
			a.Cable(true)
			p.Master(a)
		})
	}
}

// A stopped director leaves nothing behind, also where nobody is there to take over.
func TestAStopWithoutAPeer(t *testing.T) {
	t.Parallel()
	for _, program := range []Program{Mainstay, Keepalived} {
		t.Run(string(program), func(t *testing.T) {
			t.Parallel()
			p := New(t, Router{Version: 3, Interval: fast}, Member{Program: program, Priority: high})
			a := p.Directors[0]
			a.Start()
			p.Master(a)
			a.Stop()
			p.Bare(a)
		})
	}
}
