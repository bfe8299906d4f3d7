package vrrp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// listen opens a socket on an interface here.
func listen(t *testing.T, name string, ipv6 bool) *Conn {
	t.Helper()
	c, err := Listen(index(t, name), name, ipv6)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// receive waits for a datagram that has the VRID and is the one wanted.
func receive(t *testing.T, c *Conn, vrid uint8, wanted func(Datagram) bool) Datagram {
	t.Helper()
	buf := make([]byte, ReceiveSize)
	for deadline := time.Now().Add(patience); ; {
		d, ok, err := c.Receive(buf)
		if err != nil {
			t.Fatal(err)
		}
		if got, has := PeekVRID(d.Payload); ok && has && got == vrid && wanted(d) {
			return d
		}
		if ok {
			continue
		}
		left := time.Until(deadline)
		if left <= 0 {
			t.Fatalf("nothing came for VRID %d", vrid)
		}
		unix.Poll([]unix.PollFd{{Fd: int32(c.FD()), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
	}
}

// pair makes a cable with both ends here, and a socket on each.
func pair(t *testing.T, ipv6 bool) (a, b *Conn) {
	t.Helper()
	run(t, "ip", "link", "add", "left0", "type", "veth", "peer", "name", "right0")
	t.Cleanup(func() {
		if _, err := net.InterfaceByName("left0"); err == nil {
			gone(t)
		}
	})
	for i, name := range []string{"left0", "right0"} {
		// Both addresses are this host's own, which a host refuses to hear from a cable.
		sysctl(t, "/proc/sys/net/ipv4/conf/"+name+"/accept_local", "1")
		sysctl(t, "/proc/sys/net/ipv4/conf/"+name+"/rp_filter", "0")
		dress(t, nil, name, fmt.Sprintf("fe80::%d", i+1), []string{fmt.Sprintf("192.0.2.%d/24", i+1)})
	}
	sysctl(t, "/proc/sys/net/ipv4/conf/all/rp_filter", "0")
	awaitRunning(t, "left0")
	awaitRunning(t, "right0")
	return listen(t, "left0", ipv6), listen(t, "right0", ipv6)
}

func sysctl(t *testing.T, file, value string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// TestConn sends between two sockets, both ways that there are in each family.
func TestConn(t *testing.T) {
	for _, c := range []struct {
		name     string
		ipv6     bool
		src, dst netip.Addr
	}{
		{"IPv4 multicast", false, near4, GroupIPv4},
		{"IPv4 unicast", false, near4, far4},
		{"IPv6 multicast", true, nearLocal, GroupIPv6},
		{"IPv6 unicast, link-local", true, nearLocal, farLocal},
	} {
		t.Run(c.name, func(t *testing.T) {
			left, right := pair(t, c.ipv6)
			payload := []byte("\x31\x07 whatever")
			if err := left.Send(payload, c.src, c.dst); err != nil {
				t.Fatal(err)
			}
			d := receive(t, right, 7, func(Datagram) bool { return true })
			if d.Source != c.src || d.Destination != c.dst || d.TTL != 255 || string(d.Payload) != string(payload) {
				t.Errorf("came %+v", d)
			}
			if d, ok, err := left.Receive(make([]byte, ReceiveSize)); ok || err != nil {
				t.Errorf("the sender hears itself: %+v, %v", d, err)
			}
		})
	}
}

// TestConnLongest sends the longest advertisements there are, in fragments over IPv6.
func TestConnLongest(t *testing.T) {
	for _, c := range []struct {
		ipv6     bool
		src, dst netip.Addr
	}{
		{false, near4, GroupIPv4},
		{true, nearLocal, GroupIPv6},
	} {
		t.Run(c.src.String(), func(t *testing.T) {
			left, right := pair(t, c.ipv6)
			p := Packet{Version: V3, VRID: 9, Priority: 100, Interval: time.Second, Addresses: slices.Repeat([]netip.Addr{c.src}, MaxAddresses)}
			if err := left.Send(p.Append(nil, c.src, c.dst), c.src, c.dst); err != nil {
				t.Fatal(err)
			}
			d := receive(t, right, 9, func(Datagram) bool { return true })
			got, verdict := Decode(d.Payload, d.Source, d.Destination)
			if verdict != Accepted || len(got.Addresses) != MaxAddresses {
				t.Errorf("%v, with %d addresses", verdict, len(got.Addresses))
			}
			if len(d.Payload) >= ReceiveSize {
				t.Errorf("%d bytes of payload fill the buffer", len(d.Payload))
			}

			// One that is longer is cut, and so is wrong.
			if err := left.Send(append(p.Append(nil, c.src, c.dst), make([]byte, 9000)...), c.src, c.dst); err != nil {
				t.Fatal(err)
			}
			d = receive(t, right, 9, func(Datagram) bool { return true })
			if _, verdict := Decode(d.Payload, d.Source, d.Destination); verdict != WrongLength {
				t.Errorf("one that is too long is %v", verdict)
			}
		})
	}
}

// TestConnDescriptor: it never blocks, and no program that is started inherits it.
func TestConnDescriptor(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		left, _ := pair(t, ipv6)
		status, err := unix.FcntlInt(uintptr(left.FD()), unix.F_GETFL, 0)
		if err != nil || status&unix.O_NONBLOCK == 0 {
			t.Errorf("it blocks: %#x, %v", status, err)
		}
		flags, err := unix.FcntlInt(uintptr(left.FD()), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("it is inherited: %#x, %v", flags, err)
		}
		if d, ok, err := left.Receive(make([]byte, ReceiveSize)); ok || err != nil {
			t.Errorf("with nothing there: %+v, %v", d, err)
		}
		gone(t)
	}
}

// TestConnFlood: what nobody reads is dropped by the kernel, and what is read ends.
func TestConnFlood(t *testing.T) {
	left, right := pair(t, false)
	const sent = 20_000
	for range sent {
		err := left.Send([]byte("\x31\x07 junk"), near4, GroupIPv4)
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
	}
	buf := make([]byte, ReceiveSize)
	for n := 0; ; n++ {
		_, ok, err := right.Receive(buf)
		if err != nil || n > sent/2 {
			t.Fatalf("%d read, %v", n, err)
		}
		if !ok {
			return
		}
	}
}

// TestListenErrors: each says what is wrong.
func TestListenErrors(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		if _, err := Listen(9999, "gone0", ipv6); !errors.Is(err, ErrNoInterface) || !strings.Contains(err.Error(), "gone0") {
			t.Errorf("no interface: %v", err)
		}
	}
	left, _ := pair(t, false)
	left.Close()
	sysctl(t, "/proc/sys/net/ipv6/conf/left0/disable_ipv6", "1")
	run(t, "ip", "link", "set", "left0", "mtu", "1000") // takes IPv6 away altogether
	if _, err := Listen(index(t, "left0"), "left0", true); err == nil || !strings.Contains(err.Error(), "it has no IPv6") {
		t.Errorf("no IPv6: %v", err)
	}
	c, err := Listen(index(t, "left0"), "left0", false)
	if err != nil {
		t.Fatalf("IPv4 is still there: %v", err)
	}
	c.Close()
}

// TestListenDown: an interface that is down can be listened on, and heard once it is
// up.
func TestListenDown(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		t.Run(map[bool]string{false: "IPv4", true: "IPv6"}[ipv6], func(t *testing.T) {
			src, dst := near4, GroupIPv4
			if ipv6 {
				src, dst = nearLocal, GroupIPv6
			}
			left, right := pair(t, ipv6)
			right.Close()
			run(t, "ip", "link", "set", "right0", "down")
			right = listen(t, "right0", ipv6)
			run(t, "ip", "link", "set", "right0", "up")
			awaitRunning(t, "left0")
			awaitRunning(t, "right0")
			if err := left.Send([]byte("\x31\x07 up"), src, dst); err != nil {
				t.Fatal(err)
			}
			receive(t, right, 7, func(d Datagram) bool { return d.Destination == dst })
		})
	}
}

// TestSendErrors: each says what is wrong, and where.
func TestSendErrors(t *testing.T) {
	payload := []byte("\x31\x07")
	for _, c := range []struct {
		name     string
		ipv6     bool
		spoil    func(t *testing.T)
		src, dst netip.Addr
		want     error
	}{
		{"not our address", false, nil, netip.MustParseAddr("192.0.2.77"), GroupIPv4, ErrUnreachable},
		{"not our address, IPv6", true, nil, netip.MustParseAddr("fe80::77"), GroupIPv6, ErrUnreachable},
		{"down", false, down, near4, GroupIPv4, ErrUnreachable},
		{"gone", false, gone, near4, GroupIPv4, ErrUnreachable},
		{"gone, IPv6", true, gone, nearLocal, GroupIPv6, ErrNoInterface},
		{"no way there", true, nil, nearLocal, netip.MustParseAddr("2001:db8::1"), ErrUnreachable},
		{"IPv6 over IPv4", false, nil, nearLocal, GroupIPv6, nil},
		{"IPv4 over IPv6", true, nil, near4, GroupIPv4, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			left, _ := pair(t, c.ipv6)
			if c.spoil != nil {
				c.spoil(t)
			}
			err := left.Send(payload, c.src, c.dst)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), "left0") {
				t.Errorf("%v, want %v", err, c.want)
			}
			if d, ok, err := left.Receive(make([]byte, ReceiveSize)); ok || err != nil {
				t.Errorf("receives %+v, %v", d, err)
			}
		})
	}
	if err := explainSend(unix.EPERM); !errors.Is(err, ErrFirewall) {
		t.Errorf("a firewall: %v", err)
	}
}

func down(t *testing.T) { run(t, "ip", "link", "set", "left0", "down") }

func gone(t *testing.T) { run(t, "ip", "link", "del", "left0") }

// withoutRight is set for the copy of this test that lacks CAP_NET_RAW.
const withoutRight = "MAINSTAY_VRRP_TEST_WITHOUT_RIGHT"

// TestListenNotPermitted runs itself again without CAP_NET_RAW.
func TestListenNotPermitted(t *testing.T) {
	if os.Getenv(withoutRight) != "" {
		_, err := Listen(1, "lo", false)
		if !errors.Is(err, ErrNotPermitted) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
			t.Errorf("without the right: %v", err)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("setpriv", "--inh-caps", "-net_raw", "--bounding-set", "-net_raw", "--", self, "-test.run=^TestListenNotPermitted$", "-test.v")
	cmd.Env = append(os.Environ(), withoutRight+"=yes")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestListenNotPermitted") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestDatagramIPv4: headers with and without options, and what is none.
func TestDatagramIPv4(t *testing.T) {
	plain := unhex(t, "45c000200000000040700000c0000202e0000012")
	plain[8] = 255
	options := append([]byte{0x46}, append(plain[1:20:20], 0x94, 4, 0, 0)...)
	for name, header := range map[string][]byte{"plain": plain, "options": options} {
		d, ok := datagramIPv4(append(header[:len(header):len(header)], "payload"...))
		if !ok || d.Source != far4 || d.Destination != GroupIPv4 || d.TTL != 255 || string(d.Payload) != "payload" {
			t.Errorf("%s: %+v, %v", name, d, ok)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "cut": plain[:19], "IPv6": append([]byte{0x65}, plain[1:]...),
		"a header of 16 bytes": append([]byte{0x44}, plain[1:]...), "a header longer than all": append([]byte{0x4f}, plain[1:]...),
	} {
		if d, ok := datagramIPv4(b); ok {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// TestConnAllocatesLittle: nothing to send or to hear IPv4, and over IPv6 only what the
// system call's wrapper does.
func TestConnAllocatesLittle(t *testing.T) {
	for _, c := range []struct {
		ipv6     bool
		src, dst netip.Addr
		receive  float64
	}{
		{false, near4, GroupIPv4, 0},
		{true, nearLocal, GroupIPv6, 2},
	} {
		left, right := pair(t, c.ipv6)
		payload, buf := []byte("\x31\x07 whatever"), make([]byte, ReceiveSize)
		if n := testing.AllocsPerRun(100, func() { left.Send(payload, c.src, c.dst) }); n > 0 {
			t.Errorf("IPv6 %v: %v allocations to send", c.ipv6, n)
		}
		receive(t, right, 7, func(Datagram) bool { return true })
		if n := testing.AllocsPerRun(50, func() { right.Receive(buf) }); n > c.receive {
			t.Errorf("IPv6 %v: %v allocations to receive", c.ipv6, n)
		}
		gone(t)
	}
}
