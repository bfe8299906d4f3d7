package checker

import (
	"bytes"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// serveUDP listens on loopback and gives each datagram to handle, with a way to send
// one back. What handle does ends before the test does.
func serveUDP(t *testing.T, handle func(payload []byte, reply func([]byte))) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			handle(bytes.Clone(b[:n]), func(b []byte) { _, _ = c.WriteTo(b, from) })
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

// replying answers each datagram with these, in order.
func replying(replies ...string) func([]byte, func([]byte)) {
	return func(_ []byte, reply func([]byte)) {
		for _, r := range replies {
			reply([]byte(r))
		}
	}
}

// noUDP is a loopback address where nobody listens.
func noUDP(t *testing.T, address string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

func TestUDP(t *testing.T) {
	raw := func(want, mask string) UDP {
		return UDP{RequireReply: true, ExpectBytes: []byte(want), Mask: []byte(mask)}
	}
	match := func(s string) UDP { return UDP{Send: []byte("x"), RequireReply: true, Expect: regexp.MustCompile(s)} }
	for _, c := range []struct {
		name    string
		server  func([]byte, func([]byte))
		options UDP
		timing  Timing
		answer  Answer
		reason  string
	}{
		{"silence, no reply required", replying(), UDP{Send: []byte("x")}, hasty, Success, ""},
		{"silence", replying(), UDP{Send: []byte("x"), RequireReply: true}, hasty, Failure, "no answer within 1s"},
		{"any reply ends the wait", replying("y"), UDP{Send: []byte("x")}, patient, Success, ""},
		{"any reply", replying("y"), UDP{RequireReply: true}, patient, Success, ""},
		{"an empty reply", replying(""), UDP{RequireReply: true}, patient, Success, ""},
		{"a match", replying("pong 1"), match(`^pong \d$`), patient, Success, ""},
		{"a match of an empty reply", replying(""), match(`^$`), patient, Success, ""},
		{"a match after others", replying("late", "pong"), match(`^pong$`), patient, Success, ""},
		{"no match", replying("late", "no"), match(`^pong$`), hasty, Failure, `no match for ^pong$ within 1s, got "no"`},
		{"bytes", replying("\x01\x02\x03"), raw("\x01\x00", "\xff\x00"), patient, Success, ""},
		{"other bytes", replying("\x01\x02\x03"), raw("\x01\x00\x04", "\xff\x00\xff"), hasty, Failure, "no 01??04 within 1s, got 010203"},
		{"too few bytes", replying("\x01"), raw("\x01\x02", "\xff\xff"), hasty, Failure, "no 0102 within 1s, got 01"},
		{"no bytes", replying(""), raw("\x01\x02", "\xff\xff"), hasty, Failure, `no 0102 within 1s, got ""`},
		{"the longest reply", replying(strings.Repeat("a", maxDatagram-1) + "b"), match("b$"), patient, Success, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target := serveUDP(t, c.server)
			expect(t, once(Spec{Target: target, Options: c.options, Timing: c.timing}), c.answer, c.reason)
		})
	}
}

// What a datagram carries arrives, also if that is nothing.
func TestUDPSends(t *testing.T) {
	for _, send := range []string{"", "a", strings.Repeat("a", maxDatagram)} {
		got := make(chan string, 1)
		target := serveUDP(t, func(payload []byte, reply func([]byte)) {
			got <- string(payload)
			reply([]byte("yes"))
		})
		r := once(Spec{Target: target, Options: UDP{Send: []byte(send), RequireReply: true}, Timing: patient})
		expect(t, r, Success, "")
		if payload := <-got; payload != send {
			t.Errorf("%d bytes arrived of %d", len(payload), len(send))
		}
		if len(r.Sent) != min(len(send), maxTranscript) || string(r.Read) != "yes" {
			t.Errorf("the transcript has %d bytes sent, and %q", len(r.Sent), r.Read)
		}
	}
}

// The target's kernel says that nobody listens, whether or not a reply is required.
func TestUDPRefused(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, require := range []bool{false, true} {
			target := noUDP(t, address)
			expect(t, once(Spec{Target: target, Options: UDP{RequireReply: require}, Timing: patient}), Failure, "connection refused")
		}
	}
}

func TestUDPWithoutARoute(t *testing.T) {
	spec := Spec{Target: netip.MustParseAddrPort("198.51.100.1:53"), Options: UDP{}, Timing: patient}
	expect(t, once(spec), Inconclusive, "this host has no route to the target: see its interfaces and ip route")
}

// Datagrams from elsewhere are nobody's reply, even to the right port.
func TestUDPHearsOnlyTheTarget(t *testing.T) {
	other, err := net.ListenPacket("udp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	target, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	result := make(chan Result)
	go func() {
		result <- once(Spec{
			Target:  netip.MustParseAddrPort(target.LocalAddr().String()),
			Options: UDP{RequireReply: true, Expect: regexp.MustCompile("yes")}, Timing: patient,
		})
	}()
	b := make([]byte, 1)
	_, from, err := target.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	for range maxReplies + 1 {
		if _, err := other.WriteTo([]byte("no"), from); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := target.WriteTo([]byte("yes"), from); err != nil {
		t.Fatal(err)
	}
	expect(t, <-result, Success, "")
}

// Whoever floods a check with replies ends it.
func TestUDPLooksAtSoManyReplies(t *testing.T) {
	target := serveUDP(t, replying(strings.Split(strings.Repeat("no,", 2*maxReplies), ",")...))
	options := UDP{RequireReply: true, Expect: regexp.MustCompile("yes")}
	expect(t, once(Spec{Target: target, Options: options, Timing: patient}), Failure,
		`no match for yes among the first 64 replies, got "no"`)
}
