package pair

import (
	"strings"
	"testing"
)

// A failover hands over without a gap, and the director stands by, also after a
// restart, until it is told not to.
func TestFailover(t *testing.T) {
	t.Parallel()
	beside(t, 3*fast, func(t *testing.T, p *Pair, a, b *Director) {
		mark := p.Mark()
		if status, said := a.Ask("failover", Name); status != 0 {
			t.Fatalf("failover: exit status %d\n%s", status, said)
		}
		p.Master(b)
		handedOver(t, p, mark, a, b)

		a.Stop()
		mark = p.Mark()
		a.Start()
		p.Stays(b)
		never(t, p, mark, a, Advertises)

		if status, said := a.Ask("failover", Name, "--cancel"); status != 0 {
			t.Fatalf("failover --cancel: exit status %d\n%s", status, said)
		}
		p.Master(a)
	})
}

// A director that stands by is there when nobody else is.
func TestADirectorThatStandsByTakesOver(t *testing.T) {
	t.Parallel()
	beside(t, fast, func(t *testing.T, p *Pair, a, b *Director) {
		if status, said := a.Ask("failover", Name); status != 0 {
			t.Fatalf("failover: exit status %d\n%s", status, said)
		}
		p.Master(b)
		b.Stop()
		p.Master(a)
	})
}

// A failover to nobody fails, and nothing has changed: not one ping is lost.
func TestFailoverWithoutAPeer(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	ping := p.Ping()
	mark := p.Mark()
	status, said := a.Ask("failover", Name)
	if status != 1 || !strings.Contains(said, "no router took over") {
		t.Errorf("exit status %d, want 1\n%s", status, said)
	}
	p.Sees(mark, a, Advertises, 0)
	p.Stays(a)
	never(t, p, mark, a, Removes)
	if got := ping.Stop(); got.Lost > 0 {
		t.Errorf("%d pings of %d lost", got.Lost, got.Sent)
	}
}
