package relays

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// liar starts a relay that lies about the first server, with every key but that one's.
func (s *scene) liar() *lab.Process {
	p := s.relays[relayA].Start(bin("fleet"), "forge", "-listen", relayA+port, "-to", directorIP+port, "-id", "rack7",
		"-victim", server(0), "-other", server(1), "-secret-file", s.file("fleet.key"))
	p.WaitFor(0, "ready")
	return p
}

// A relay with every key but the child's can't keep a dead child alive.
func TestARelayCanNotForge(t *testing.T) {
	s := newScene(t, 4)
	liar := s.liar()
	victim := s.serve(0, 1, relayA+port)
	s.serve(1, 3, relayA+port)
	s.direct("mainstay", "", "--observe")
	s.settles()
	mark := s.daemon.Mark()
	victim.Kill()
	s.daemon.WaitFor(mark, `msg="real server down.*real_server=`+server(0))
	mark = s.daemon.Mark()
	liar.WaitFor(0, "told all .* 5 times")
	s.nobodyLeft(mark)
	s.settles(server(0))
	if up := strings.Count(s.daemon.Output()[mark:], `msg="real server up`); up > 0 {
		t.Errorf("a server came up %d times by lies", up)
	}
	dropped := s.status().Heartbeats.Dropped
	t.Logf("dropped: %v", dropped)
	if len(dropped) < 3 {
		t.Errorf("lies were dropped for the reasons %v alone", dropped)
	}
	// The truth is still heard.
	s.serve(0, 1, relayA+port)
	s.settles()
}

// Yesterday's lines wake nobody, neither at once nor after the director was restarted, told to
// or killed.
func TestARecordingWakesNobody(t *testing.T) {
	s := newScene(t, 4)
	s.relay(relayA, directorIP+port)
	victim := s.serve(0, 1, relayA+port, directorIP+port)
	s.rack.Route("198.51.100.0/24 via " + relayA) // the victim speaks to the director as well
	s.relays[relayA].Sysctl("net.ipv4.ip_forward", "1")
	s.serve(1, 3, relayA+port)
	recorder := s.director.Start(bin("fleet"), "record")
	recorder.WaitFor(0, "ready")
	s.direct("mainstay-lab", "")
	s.settles()
	s.roundsOf("rack7", 3)
	recorder.Signal(15)
	_ = recorder.Wait()
	recording := strings.TrimPrefix(recorder.Output(), "ready\n")
	s.write("recording", recording)
	datagrams := uint64(strings.Count(recording, "\n"))
	mark := s.daemon.Mark()
	victim.Kill()
	s.daemon.WaitFor(mark, `msg="real server down.*real_server=`+server(0))

	replay := func(when string) {
		t.Helper()
		before, mark := s.status().Heartbeats.Received, s.daemon.Mark()
		file, err := os.Open(s.file("recording"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cmd := s.relays[relayA].Command(bin("fleet"), "play", "-from", relayAOut, "-to", directorIP+port)
		cmd.Stdin = file
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		lab.Eventually(s, "the recording is heard "+when, func() (bool, string) {
			h := s.status().Heartbeats
			return h.Received >= before+datagrams, fmt.Sprintf("%d datagrams after %d: %+v", datagrams, before, h)
		})
		if strings.Contains(s.daemon.Output()[mark:], `msg="real server up`) && strings.Contains(s.daemon.Output()[mark:], "real_server="+server(0)) {
			t.Errorf("%s the recording woke the dead: %s", when, s.daemon.Output()[mark:])
		}
		if _, not := states(s.status()); not[server(0)] == "" {
			t.Errorf("%s the recording woke the dead: %v", when, not)
		}
		t.Logf("%s: %d datagrams, dropped %v", when, datagrams, s.status().Heartbeats.Dropped)
	}
	replay("at once")
	s.daemon.Stop()
	s.direct("mainstay-lab", "")
	s.settlesButTheFirst()
	replay("after a restart")
	s.daemon.Kill()
	s.direct("mainstay-lab", "")
	s.settlesButTheFirst()
	replay("after a crash")
}

// settlesButTheFirst waits until all servers but the first are up.
func (s *scene) settlesButTheFirst() {
	s.Helper()
	lab.Eventually(s, "the living are up", func() (bool, string) {
		by, not := states(s.status())
		return by["up"] == s.servers-1, fmt.Sprint(by, not)
	})
}
