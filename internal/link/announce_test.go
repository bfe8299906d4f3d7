package link

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// announcement is what a frame says, read by the letter of the RFCs and not by the code
// that writes them.
type announcement struct {
	addr     netip.Addr
	hardware net.HardwareAddr // where it is
	router   bool
}

// readARP reads a gratuitous ARP request (RFC 826, and RFC 5227, section 3).
func readARP(f []byte) (announcement, error) {
	if len(f) != 14+28 {
		return announcement{}, fmt.Errorf("%d bytes", len(f))
	}
	sender, target := f[28:32], f[38:42]
	switch {
	case !bytes.Equal(f[:6], []byte{255, 255, 255, 255, 255, 255}):
		return announcement{}, errors.New("no broadcast")
	case !bytes.Equal(f[12:22], []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}):
		return announcement{}, errors.New("no ARP request of Ethernet and IPv4")
	case !bytes.Equal(f[6:12], f[22:28]):
		return announcement{}, errors.New("it speaks for another")
	case !bytes.Equal(sender, target):
		return announcement{}, errors.New("not gratuitous")
	}
	return announcement{addr: netip.AddrFrom4([4]byte(sender)), hardware: f[22:28]}, nil
}

// readNeighbourAdvertisement reads an unsolicited one (RFC 4861, sections 4.4 and 7.1.2).
func readNeighbourAdvertisement(f []byte) (announcement, error) {
	if len(f) != 14+40+32 {
		return announcement{}, fmt.Errorf("%d bytes", len(f))
	}
	ip, icmp := f[14:54], f[54:]
	switch {
	case !bytes.Equal(f[:6], []byte{0x33, 0x33, 0, 0, 0, 1}) || netip.AddrFrom16([16]byte(ip[24:40])) != netip.MustParseAddr("ff02::1"):
		return announcement{}, errors.New("not to all nodes")
	case binary.BigEndian.Uint16(f[12:]) != 0x86dd || ip[0]>>4 != 6 || ip[6] != 58:
		return announcement{}, errors.New("no ICMPv6")
	case int(binary.BigEndian.Uint16(ip[4:])) != len(icmp):
		return announcement{}, errors.New("wrong length")
	case ip[7] != 255:
		return announcement{}, errors.New("hop limit not 255")
	case icmp[0] != 136 || icmp[1] != 0:
		return announcement{}, errors.New("no neighbour advertisement")
	case icmp[4]&0x40 != 0 || icmp[4]&0x20 == 0:
		return announcement{}, errors.New("solicited, or without override")
	case !bytes.Equal(ip[8:24], icmp[8:24]):
		return announcement{}, errors.New("it speaks for another")
	case icmp[24] != 2 || icmp[25] != 1 || !bytes.Equal(icmp[26:32], f[6:12]):
		return announcement{}, errors.New("no target link-layer address of its own")
	}
	// One's complement sum over the pseudo-header and the message (RFC 8200, section 8.1).
	var sum uint32
	pseudo := append(bytes.Clone(ip[8:40]), 0, 0, 0, byte(len(icmp)), 0, 0, 0, 58)
	for all := append(pseudo, icmp...); len(all) > 0; all = all[2:] {
		sum += uint32(all[0])<<8 | uint32(all[1])
	}
	if sum = sum&0xffff + sum>>16; sum != 0xffff {
		return announcement{}, errors.New("wrong checksum")
	}
	return announcement{addr: netip.AddrFrom16([16]byte(icmp[8:24])), hardware: f[6:12], router: icmp[4]&0x80 != 0}, nil
}

func read(f []byte) (announcement, error) {
	if len(f) > 14 && binary.BigEndian.Uint16(f[12:]) == unix.ETH_P_ARP {
		return readARP(f)
	}
	return readNeighbourAdvertisement(f)
}

var someHardware = hardware{0x46, 0x13, 0xce, 0xb6, 0xde, 0x9a}

func TestTheBytesOfFrames(t *testing.T) {
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{
			"gratuitous ARP", appendGratuitousARP(nil, someHardware, netip.MustParseAddr("192.0.2.100")),
			"ffffffffffff 4613ceb6de9a 0806 0001 0800 06 04 0001 4613ceb6de9a c0000264 000000000000 c0000264",
		},
		{
			"neighbour advertisement", appendNeighbourAdvertisement(nil, someHardware, netip.MustParseAddr("fe80::100"), false),
			"333300000001 4613ceb6de9a 86dd 60000000 0020 3a ff fe800000000000000000000000000100 ff020000000000000000000000000001" +
				"88 00 6439 20000000 fe800000000000000000000000000100 02 01 4613ceb6de9a",
		},
		{
			"of a router", appendNeighbourAdvertisement(nil, someHardware, netip.MustParseAddr("fe80::100"), true),
			"333300000001 4613ceb6de9a 86dd 60000000 0020 3a ff fe800000000000000000000000000100 ff020000000000000000000000000001" +
				"88 00 e438 a0000000 fe800000000000000000000000000100 02 01 4613ceb6de9a",
		},
	}
	for _, test := range tests {
		if got, want := hex.EncodeToString(test.got), strings.ReplaceAll(test.want, " ", ""); got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, want)
		}
	}
}

func TestFramesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := hardware(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "hardware"))
		a, router := prefix().Draw(t, "prefix").Addr(), rapid.Bool().Draw(t, "router")
		var f []byte
		if a.Is4() {
			f, router = appendGratuitousARP(nil, from, a), false
		} else {
			f = appendNeighbourAdvertisement(nil, from, a, router)
		}
		got, err := read(f)
		if err != nil || got.addr != a || !bytes.Equal(got.hardware, from[:]) || got.router != router {
			t.Errorf("%+v, error %v", got, err)
		}
	})
}

func TestChecksumOfAnOddLength(t *testing.T) {
	var zero [16]byte
	if a, b := checksumICMPv6(zero, zero, []byte{1, 2, 3}), checksumICMPv6(zero, zero, []byte{1, 2, 3, 0}); a != b+1 {
		t.Errorf("%04x, %04x", a, b) // they differ by the length only
	}
}

// listener hears what comes in on an interface.
type listener struct{ fd int }

func listen(t *testing.T, name string) *listener {
	t.Helper()
	all := networkOrder(unix.ETH_P_ALL)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index(t, name)}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		t.Fatal(err)
	}
	return &listener{fd}
}

// next waits for the next frame that announces an address.
func (l *listener) next(t *testing.T, addr netip.Addr) []byte {
	t.Helper()
	b := make([]byte, 2048)
	for deadline := time.Now().Add(lab.Patience); time.Now().Before(deadline); {
		n, _, err := unix.Recvfrom(l.fd, b, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if a, err := read(b[:n]); err == nil && a.addr == addr {
			return b[:n]
		}
	}
	t.Fatalf("%s is not announced", addr)
	return nil
}

func announcer(t *testing.T, name string) *Announcer {
	t.Helper()
	i, _ := seen(t, name)
	a, err := OpenAnnouncer(i.Index, i.Name, i.Hardware)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// What Debian's keepalived sends and adds as it becomes master, and what we do instead. There
// is one difference in what is sent: it fills the target hardware address of its ARP requests with ones, and
// we with zeros, as RFC 5227, section 3, has it. Who receives it ignores it. And one in what is
// added: an IPv6 address with a prefix other than /128 it does not deprecate.
func TestBesideKeepalived(t *testing.T) {
	for forwarding := range 2 {
		t.Run(fmt.Sprintf("forwarding=%d", forwarding), func(t *testing.T) {
			run(t, fmt.Sprintf("sysctl -qw net/ipv6/conf/all/forwarding=%d", forwarding))
			t.Cleanup(func() { run(t, "sysctl -qw net/ipv6/conf/all/forwarding=0") })
			here, there := pair(t)
			run(t, "ip address add 192.0.2.1/24 dev "+here)
			run(t, "ip address add fe80::1/64 nodad dev "+here)
			l := listen(t, there)
			stop := keepalived(t, here)
			addresses := []netip.Addr{
				netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("fe80::100"), netip.MustParseAddr("2001:db8::100"),
			}
			var theirs [][]byte
			for _, a := range addresses {
				theirs = append(theirs, l.next(t, a))
			}
			theirAddresses := []string{shownAddress(t, here, "192.0.2.100/32"), shownAddress(t, here, "2001:db8::100/128")}
			stop()
			if added, err := open(t).AddAll(index(t, here), prefixes("192.0.2.100/32", "2001:db8::100/128")); err != nil || len(added) != 2 {
				t.Errorf("added %v, error %v", added, err)
			}
			for i, p := range []string{"192.0.2.100/32", "2001:db8::100/128"} {
				if got := shownAddress(t, here, p); got != theirAddresses[i] {
					t.Errorf("\n      we add %s\nkeepalived %s", got, theirAddresses[i])
				}
			}
			l = listen(t, there)
			a := announcer(t, here)
			for i, addr := range addresses {
				if err := a.Announce(addr); err != nil {
					t.Fatal(err)
				}
				if addr.Is4() {
					target := theirs[i][32:38]
					if !bytes.Equal(target, []byte{255, 255, 255, 255, 255, 255}) {
						t.Errorf("keepalived's target hardware address is %x", target)
					}
					clear(target)
				}
				if got := l.next(t, addr); !bytes.Equal(got, theirs[i]) {
					t.Errorf("%s:\n      we send %x\nkeepalived %x", addr, got, theirs[i])
				}
			}
			if got, err := read(theirs[1]); err != nil || got.router != (forwarding == 1) {
				t.Errorf("%+v, error %v", got, err)
			}
		})
	}
}

// shownAddress is all that ip(8) shows of an address.
func shownAddress(t *testing.T, name, p string) string {
	t.Helper()
	_, after, found := strings.Cut(run(t, "ip -details address show dev "+name), p)
	lines := strings.SplitN(after, "\n", 3)
	if !found || len(lines) < 3 {
		t.Fatalf("%s is not on %s", p, name)
	}
	return p + lines[0] + lines[1]
}

// keepalived runs Debian's keepalived as the master of two virtual routers.
func keepalived(t *testing.T, name string) (stop func()) {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`
vrrp_instance four {
	interface %[1]s
	version 3
	virtual_router_id 4
	priority 200
	advert_int 0.05
	virtual_ipaddress { 192.0.2.100/32 }
}
vrrp_instance six {
	interface %[1]s
	version 3
	virtual_router_id 6
	priority 200
	advert_int 0.05
	virtual_ipaddress {
		fe80::100/64
		2001:db8::100/128
	}
}
`, name)
	file := filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	cmd := exec.Command("keepalived", "--vrrp", "--dont-fork", "--log-console", "--use-file", file,
		"--pid", filepath.Join(dir, "parent"), "--vrrp_pid", filepath.Join(dir, "vrrp"))
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(unix.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("keepalived:\n%s", &output)
		}
	}
	t.Cleanup(stop)
	return stop
}

// A neighbour that knows the address at another place knows it here at once.
func TestNeighboursFollow(t *testing.T) {
	here, there := pair(t)
	ns := "neighbour-of-" + here
	run(t, "ip netns add "+ns)
	t.Cleanup(func() { run(t, "ip netns delete "+ns) })
	run(t, "ip link set "+there+" netns "+ns)
	for _, command := range []string{
		"link set " + there + " up", "address add 192.0.2.9/24 dev " + there, "address add 2001:db8::9/64 dev " + there + " nodad",
		"neigh add 192.0.2.100 lladdr 02:00:00:00:00:99 nud reachable dev " + there,
		"neigh add 2001:db8::100 lladdr 02:00:00:00:00:99 nud reachable dev " + there,
		"neigh add fe80::100 lladdr 02:00:00:00:00:99 nud stale router dev " + there,
	} {
		run(t, "ip -n "+ns+" "+command)
	}
	w := watch(t, here)
	for i, _ := w.Interface(here); !i.Up; i, _ = w.Interface(here) { // the cable is settling
		await(t, w, time.Second)
		if _, err := w.Read(); err != nil {
			t.Fatal(err)
		}
	}
	a := announcer(t, here)
	i, _ := seen(t, here)
	for _, addr := range []string{"192.0.2.100", "2001:db8::100", "fe80::100"} {
		if err := a.Announce(netip.MustParseAddr(addr)); err != nil {
			t.Fatal(err)
		}
		lab.Eventually(t, "the neighbour's entry of "+addr, func() (bool, string) {
			entry := run(t, "ip -n "+ns+" neigh show to "+addr)
			return strings.Contains(entry, i.Hardware.String()), entry
		})
	}
	// The router flag is part of what it says.
	if entry := run(t, "ip -n "+ns+" neigh show to fe80::100"); strings.Contains(entry, "router") {
		t.Errorf("we do not forward, and are taken for a router: %s", entry)
	}
	run(t, "sysctl -qw net/ipv6/conf/"+here+"/forwarding=1")
	if err := a.Announce(netip.MustParseAddr("fe80::100")); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "the router flag", func() (bool, string) {
		entry := run(t, "ip -n "+ns+" neigh show to fe80::100")
		return strings.Contains(entry, "router"), entry
	})
}

// Where there is nobody to tell, nothing is said, and without an error.
func TestNoNeighbours(t *testing.T) {
	run(t, "ip tuntap add mode tun dev tun0")
	t.Cleanup(func() { run(t, "ip tuntap delete mode tun dev tun0") })
	for _, name := range []string{"lo", "tun0"} {
		a, err := OpenAnnouncer(index(t, name), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, addr := range []string{"192.0.2.100", "2001:db8::100"} {
			if err := a.Announce(netip.MustParseAddr(addr)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorsOfAnnouncers(t *testing.T) {
	here, _ := pair(t)
	a := announcer(t, here)
	addr := netip.MustParseAddr("192.0.2.100")
	var got []string
	keep := func(err error) { got = append(got, fmt.Sprint(err)) }
	_, err := OpenAnnouncer(index(t, here), here, net.HardwareAddr{1, 2, 3})
	keep(err)
	run(t, "ip link set "+here+" down")
	keep(a.Announce(addr))
	number := index(t, here)
	run(t, "ip link delete "+here)
	keep(a.Announce(addr))
	_, err = OpenAnnouncer(number, here, nil)
	keep(err)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	keep(a.Announce(addr))
	want := []string{
		`announce on X: its hardware address "01:02:03" is not one of Ethernet`,
		"announce 192.0.2.100 on X: the interface is down: ip link set X up (network is down)",
		"announce 192.0.2.100 on X: there is no such interface any more: it must be looked up anew by its name (no such device or address)",
		"open a packet socket for X: there is no such interface any more: it must be looked up anew by its name (no such device)",
		"announce 192.0.2.100 on X: file already closed",
	}
	for i := range want {
		if want := strings.ReplaceAll(want[i], "X", here); got[i] != want {
			t.Errorf("\n got %s\nwant %s", got[i], want)
		}
	}
}
