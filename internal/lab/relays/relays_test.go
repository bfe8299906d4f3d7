package relays

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// many is how many real servers stand behind the relays.
const many = 2000

// The director has no way to the servers: all that it knows came through two relays.
func TestTwoThousandServersBehindTwoRelays(t *testing.T) {
	s := newScene(t, many)
	heard := s.director.Start(bin("fleet"), "sources")
	heard.WaitFor(0, "ready")
	a := s.relay(relayA, directorIP+port)
	s.relay(relayB, directorIP+port)
	both := []string{relayA + port, relayB + port}
	s.serve(0, many-1, both...)
	last := s.serve(many-1, 1, both...)
	s.direct("mainstay", "", "--observe")
	s.settles()

	// One server dies: down after its misses and a round more.
	mark, died := s.daemon.Mark(), time.Now()
	last.Kill()
	s.daemon.WaitFor(mark, `msg="real server down.*real_server=`+server(many-1))
	t.Logf("a dead server was down after %s", since(died))
	s.settles(server(many - 1))
	if gone := s.downs(mark); len(gone) != 1 {
		t.Errorf("%d servers went, want the dead one alone: %s", len(gone), strings.Join(gone[:min(len(gone), 3)], "; "))
	}

	// It is started anew: another instance, taken at once.
	mark, died = s.daemon.Mark(), time.Now()
	s.serve(many-1, 1, both...)
	s.daemon.WaitFor(mark, `msg="real server up.*real_server=`+server(many-1))
	t.Logf("a new instance was up after %s", since(died))
	s.settles()

	// One relay dies: nobody leaves.
	mark = s.daemon.Mark()
	a.Kill()
	lab.Eventually(s, "the relay is known to be silent", func() (bool, string) {
		r := relayState(s.status(), "rack7")
		return r.ID == "rack7" && !r.Live, fmt.Sprintf("%+v", r)
	})
	s.roundsOf("rack8", 5)
	s.settles()
	s.nobodyLeft(mark)

	// It comes back.
	s.relay(relayA, directorIP+port)
	s.roundsOf("rack7", 2)
	s.settles()
	s.nobodyLeft(mark)

	got := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(heard.Output(), "ready\n"), "source", ""))
	slices.Sort(got)
	if want := []string{relayAOut, relayBOut}; !slices.Equal(got, want) {
		t.Errorf("the director received from %v, want from the relays %v alone", got, want)
	}
}

// With a fallback the director asks the servers itself when all relays have gone.
func TestBothRelaysDieAndTheFallbackDecides(t *testing.T) {
	s := newScene(t, many).routed()
	relays := []*lab.Process{s.relay(relayA, directorIP+port), s.relay(relayB, directorIP+port)}
	both := []string{relayA + port, relayB + port}
	s.serve(0, many-1, both...)
	last := s.serve(many-1, 1, both...)
	s.direct("mainstay", withFallback, "--observe")
	s.settles()

	mark := s.daemon.Mark()
	for _, r := range relays {
		r.Kill()
	}
	lab.Eventually(s, "the servers are polled", func() (bool, string) {
		h := s.status().Heartbeats
		return h.Polling == many, fmt.Sprintf("%+v", h)
	})
	s.nobodyLeft(mark)
	mark = s.daemon.Mark()
	last.Kill()
	s.daemon.WaitFor(mark, `msg="real server down.*real_server=`+server(many-1))
	s.settles(server(many - 1))
	if gone := s.downs(mark); len(gone) != 1 {
		t.Errorf("%d servers went, want the dead one alone: %s", len(gone), strings.Join(gone[:min(len(gone), 3)], "; "))
	}

	// The relays are back, and nobody is polled any more.
	s.relay(relayA, directorIP+port)
	s.relay(relayB, directorIP+port)
	lab.Eventually(s, "no server but the dead one is polled", func() (bool, string) {
		h := s.status().Heartbeats
		return h.Polling <= 1, fmt.Sprintf("%+v", h)
	})
	s.settles(server(many - 1))
}

// A network that loses one datagram in twenty, on the way to each relay and from each, for a
// minute.
func TestAMinuteOfLossCondemnsNobody(t *testing.T) {
	s := newScene(t, many)
	pass := func(host *lab.Host, listen, to string, seed int) *lab.Process {
		p := host.Start(bin("fleet"), "lossy", "-listen", listen, "-to", to, "-percent", "5", "-seed", fmt.Sprint(seed))
		p.WaitFor(0, "ready")
		return p
	}
	var lossy []*lab.Process
	var in []string
	for i, relay := range []string{relayA, relayB} {
		host := s.relays[relay]
		out, entry := fmt.Sprintf("%s:%d", relay, 9700), fmt.Sprintf("%s:%d", relay, 9701)
		lossy = append(lossy, pass(host, out, directorIP+port, 2*i), pass(host, entry, relay+port, 2*i+1))
		in = append(in, entry)
		s.relay(relay, out)
	}
	s.serve(0, many, in...)
	s.direct("mainstay", "", "--observe")
	s.settles()
	mark, began := s.daemon.Mark(), time.Now()
	// A heartbeat is lost on both ways once in a hundred times.
	const minute, kept = 60, many * 98 / 100
	from := s.status().Heartbeats.Accepted
	for second := range uint64(minute) {
		lab.Eventually(s, fmt.Sprintf("heartbeats of %d seconds", second+1), func() (bool, string) {
			h := s.status().Heartbeats
			return h.Accepted >= from+(second+1)*kept, fmt.Sprintf("from %d: %+v", from, h)
		})
	}
	t.Logf("heartbeats of %d seconds took %s", minute, since(began))
	s.nobodyLeft(mark)
	s.settles()
	for _, l := range lossy {
		l.Signal(15)
		t.Log(l.WaitFor(0, `lost \d+ of \d+`)[0])
	}
}
