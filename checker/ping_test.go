package checker

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func pingSpec(target string, timing Timing) Spec {
	return Spec{Target: netip.AddrPortFrom(netip.MustParseAddr(target), 0), Options: Ping{}, Timing: timing}
}

// setSysctl sets a sysctl of the tests' own network namespace, until the test ends.
func setSysctl(t *testing.T, name, value string) {
	t.Helper()
	needRoot(t)
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0o600); err != nil {
			t.Error(err)
		}
	})
}

// bothSockets runs a test with sockets for pings, and without them with raw ones.
func bothSockets(t *testing.T, test func(t *testing.T, raw bool)) {
	for name, groups := range map[string]string{"raw": "1 0", "unprivileged": "0 0"} {
		t.Run(name, func(t *testing.T) {
			setSysctl(t, "net.ipv4.ping_group_range", groups)
			test(t, name == "raw")
		})
	}
}

func TestPing(t *testing.T) {
	needRoot(t)
	for _, command := range []string{"link add pinged type veth peer pinger", "link set pinger up", "link set pinged up", "addr add fe80::1/64 dev pinged nodad"} {
		if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "pinged").Run() })
	bothSockets(t, func(t *testing.T, _ bool) {
		for _, target := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "127.1.2.3", "fe80::1%pinged"} {
			r := once(pingSpec(target, patient))
			expect(t, r, Success, "")
			if len(r.Sent) != echoLength || len(r.Read) != echoLength || !bytes.Equal(r.Sent[echoData:], r.Read[echoData:]) {
				t.Errorf("%s: sent %x, read %x", target, r.Sent, r.Read)
			}
		}
		expect(t, once(pingSpec("198.51.100.1", patient)), Inconclusive, "this host has no route to the target: see its interfaces and ip route")
		expect(t, once(pingSpec("fe80::1%no-such-link", patient)), Inconclusive, "this host has no interface no-such-link")
	})
}

func TestPingOfASilentHost(t *testing.T) {
	setSysctl(t, "net.ipv4.icmp_echo_ignore_all", "1")
	setSysctl(t, "net.ipv6.icmp.echo_ignore_all", "1")
	bothSockets(t, func(t *testing.T, _ bool) {
		for _, target := range []string{"127.0.0.1", "::1"} {
			r := once(pingSpec(target, hasty))
			expect(t, r, Failure, "no answer within 1s")
			if r.Silence < hasty.Timeout/2 {
				t.Errorf("%s is known to have been silent for %s", target, r.Silence)
			}
		}
	})
}

// Many pings of one host at a time each get their own reply.
func TestPingsAtATime(t *testing.T) {
	bothSockets(t, func(t *testing.T, _ bool) {
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { expect(t, once(pingSpec("127.0.0.1", patient)), Success, "") })
		}
		all.Wait()
	})
}

func TestPingWithoutPrivilege(t *testing.T) {
	setSysctl(t, "net.ipv4.ping_group_range", "1 0")
	p, err := prepare(pingSpec("127.0.0.1", patient), Config{})
	if err != nil {
		t.Fatal(err)
	}
	onDyingThread(func() {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil { // of this thread alone
			t.Error(err)
			return
		}
		expect(t, p.run(t.Context(), nil), Inconclusive,
			"this daemon may not send pings: give it CAP_NET_RAW, or let its group do so with the sysctl net.ipv4.ping_group_range")
	})
}

// lie answers each echo request to 127.0.0.1, in place of the kernel, with the messages
// that answers returns: replies from there, errors from 127.0.0.9.
func lie(t *testing.T, answers func(request []byte) [][]byte) {
	t.Helper()
	setSysctl(t, "net.ipv4.icmp_echo_ignore_all", "1")
	c, err := net.ListenPacket("ip4:icmp", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	router, err := net.ListenPacket("ip4:icmp", "127.0.0.9")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 256)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if b[0] != icmp4.echoRequest {
				continue
			}
			for _, answer := range answers(bytes.Clone(b[:n])) {
				by := c
				if answer[0] != icmp4.echoReply {
					by = router
				}
				if len(answer)%2 == 0 {
					binary.BigEndian.PutUint16(answer[echoChecksum:], 0)
					binary.BigEndian.PutUint16(answer[echoChecksum:], checksum(answer))
				}
				_, _ = by.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		router.Close()
		<-done
	})
}

// echoed is the reply to a request, changed at a place.
func echoed(request []byte, changed ...int) []byte {
	b := bytes.Clone(request)
	b[echoType] = icmp4.echoReply
	for _, at := range changed {
		b[at] ^= 0xff
	}
	return b
}

// complaintOf is an ICMP error about a request: it quotes the IP header, which is of no
// interest here but for its addresses, and so many bytes of the message.
func complaintOf(request []byte, kind, code byte, quoted int) []byte {
	header := []byte{
		0x45, 0, 0, byte(20 + len(request)), 0, 0, 0, 0, 64, unix.IPPROTO_ICMP, 0, 0, // checksum
		127, 0, 0, 1, 127, 0, 0, 1,
	}
	binary.BigEndian.PutUint16(header[10:], checksum(header))
	return append(append([]byte{kind, code, 0, 0, 0, 0, 0, 0}, header...), request[:quoted]...)
}

func TestPingAnswersThatAreNone(t *testing.T) {
	const length = echoLength
	for _, c := range []struct {
		name    string
		answers func(request []byte) [][]byte
		timing  Timing
		answer  Answer
		reason  string
	}{
		{"the right one", func(q []byte) [][]byte { return [][]byte{echoed(q)} }, patient, Success, ""},
		{"the right one after others", func(q []byte) [][]byte {
			return [][]byte{echoed(q, echoID), echoed(q, echoSequence), echoed(q, echoData), echoed(q, length-1), echoed(q)[:length-2], append(echoed(q), 0, 0), echoed(q)}
		}, patient, Success, ""},
		{"other data", func(q []byte) [][]byte { return [][]byte{echoed(q, echoData)} }, hasty, Failure, "no answer within 1s"},
		{"another's identifier", func(q []byte) [][]byte { return [][]byte{echoed(q, echoID)} }, hasty, Failure, "no answer within 1s"},
		{"a short one", func(q []byte) [][]byte { return [][]byte{echoed(q)[:echoData]} }, hasty, Failure, "no answer within 1s"},

		{"host unreachable", func(q []byte) [][]byte { return [][]byte{complaintOf(q, 3, 1, length)} }, patient, Failure, "host unreachable, says 127.0.0.9"},
		{"network unreachable", func(q []byte) [][]byte { return [][]byte{complaintOf(q, 3, 0, length)} }, patient, Failure, "network unreachable, says 127.0.0.9"},
		{"protocol unreachable", func(q []byte) [][]byte { return [][]byte{complaintOf(q, 3, 2, length)} }, patient, Failure, "protocol unreachable, says 127.0.0.9"},
		{"forbidden", func(q []byte) [][]byte { return [][]byte{complaintOf(q, 3, 13, length)} }, patient, Failure, "forbidden on the way to the target, says 127.0.0.9"},
		{"unreachable for another reason", func(q []byte) [][]byte { return [][]byte{complaintOf(q, 3, 5, length)} }, patient, Failure, "target unreachable, says 127.0.0.9"},
		{"time exceeded", func(q []byte) [][]byte { return [][]byte{complaintOf(q, 11, 0, length)} }, patient, Failure, "too many hops on the way to the target, says 127.0.0.9"},
		{"quoting 8 bytes only", func(q []byte) [][]byte { return [][]byte{complaintOf(q, 3, 1, echoData)} }, patient, Failure, "host unreachable, says 127.0.0.9"},
		{"about another ping", func(q []byte) [][]byte {
			other := bytes.Clone(q)
			other[echoSequence] ^= 0xff
			return [][]byte{complaintOf(other, 3, 1, length), complaintOf(other, 11, 0, echoData), echoed(q)}
		}, patient, Success, ""},
		{"too big for the way", func(q []byte) [][]byte { return [][]byte{complaintOf(q, 3, 4, length), echoed(q)} }, patient, Success, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothSockets(t, func(t *testing.T, _ bool) {
				lie(t, c.answers)
				expect(t, once(pingSpec("127.0.0.1", c.timing)), c.answer, c.reason)
			})
		})
	}
}

// A kernel's control messages are read within their bounds, whatever they hold.
func FuzzICMPError(f *testing.F) {
	message := func(level, kind int32, data []byte) []byte {
		b := make([]byte, unix.CmsgSpace(len(data)))
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(data))))
		binary.NativeEndian.PutUint32(b[8:], uint32(level))
		binary.NativeEndian.PutUint32(b[12:], uint32(kind))
		copy(b[unix.CmsgLen(0):], data)
		return b
	}
	ip4 := append([]byte{113, 0, 0, 0, unix.SO_EE_ORIGIN_ICMP, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 2, 0, 0, 0, 192, 0, 2, 1)
	f.Add(message(unix.IPPROTO_IP, unix.IP_RECVERR, ip4))
	f.Add(message(unix.IPPROTO_IP, unix.IP_RECVERR, ip4[:16]))
	f.Add(message(unix.IPPROTO_IP, unix.IP_RECVERR, ip4[:15]))
	f.Add(message(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, append(bytes.Clone(ip4), make([]byte, 20)...)))
	f.Add([]byte{})
	if e, by, ok := icmpErrorOf(message(unix.IPPROTO_IP, unix.IP_RECVERR, ip4)); !ok || e != (icmpError{3, 1}) || by != netip.MustParseAddr("192.0.2.1") {
		f.Errorf("%v by %s, %t", e, by, ok)
	}
	f.Fuzz(func(t *testing.T, control []byte) {
		if _, by, ok := icmpErrorOf(control); !ok && by.IsValid() {
			t.Errorf("%s complained, and of nothing", by)
		}
	})
}
