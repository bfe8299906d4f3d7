package pair

import (
	"strconv"
	"testing"
	"time"
)

// A flood of datagrams that look like VRRP, for longer than the kernel lets a thread of
// real-time priority run without a pause: the process lives, the timers act, and the
// status says what was dropped and why.
func TestAFloodOfJunk(t *testing.T) {
	p := New(t, Router{Version: 3, Interval: 3 * fast},
		Member{Program: Mainstay, Priority: high}, Member{Program: Mainstay, Priority: low})
	a, b := p.Directors[0], p.Directors[1]
	b.Start()
	a.Start()
	p.Master(a)
	process := mastershipProcess(t, a)
	mark := p.Mark()
	flood := p.Third.Start(Bin(t, "witness"), "flood", Segment, strconv.Itoa(VRID))
	flood.WaitFor(0, `(?m)^ready$`)
	start := p.Sees(p.Mark(), a, Advertises, high).At
	for now := start; now.Sub(start) < 4*time.Second; {
		now = p.Sees(p.Mark(), a, Advertises, high).At
	}
	flood.CloseInput()
	sent := flood.WaitFor(0, `(?m)^sent (\d+)$`)[1]
	t.Logf("%s datagrams", sent)
	p.Stays(a)
	never(t, p, mark, a, Removes)
	if got := mastershipProcess(t, a); got != process {
		t.Errorf("the mastership process was %d, now it is %d", process, got)
	}
	explains(t, a, `\d+: wrong checksum`)
}
