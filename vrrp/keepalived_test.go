package vrrp

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The hosts' addresses: near is us, far is keepalived.
var (
	near4, far4         = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	near6, far6         = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	nearLocal, farLocal = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")
)

// peered is a router of ours, and a keepalived's that is set up alike.
type peered struct {
	router    Router
	near, far netip.Addr // the addresses that both send from
	// recorded is what keepalived 2.2.7 was once heard to send as master.
	recorded string
}

// keepalivesPriority is keepalived's in these tests.
const keepalivesPriority = 100

// besideKeepalived are routers of each sort that there is.
var besideKeepalived = []peered{
	{
		Router{Name: "plain", VRID: 51, Version: V3, AdvertInterval: 100 * time.Millisecond, Addresses: prefixes("192.0.2.100/32")},
		near4, far4,
		"31336401000a05cbc0000264",
	},
	{
		Router{Name: "old", VRID: 52, Version: V2, AdvertInterval: time.Second, Addresses: prefixes("192.0.2.101/32", "192.0.2.102/24")},
		near4, far4,
		"213464020001f5fbc0000265c00002660000000000000000",
	},
	{
		Router{Name: "pass", VRID: 53, Version: V2, AdvertInterval: time.Second, AuthPass: "s3cret", Addresses: prefixes("192.0.2.103/32")},
		near4, far4,
		"2135640101017b46c00002677333637265740000",
	},
	{
		Router{Name: "longpass", VRID: 54, Version: V2, AdvertInterval: time.Second, AuthPass: "eightlet", Addresses: prefixes("192.0.2.104/32")},
		near4, far4,
		"21366401010110acc000026865696768746c6574",
	},
	{
		Router{Name: "six", VRID: 55, Version: V3, AdvertInterval: 100 * time.Millisecond, Addresses: prefixes("fe80::100/64", "2001:db8::100/64")},
		nearLocal, farLocal,
		"31376402000a3e52fe80000000000000000000000000010020010db8000000000000000000000100",
	},
	{
		Router{
			Name: "unicast", VRID: 56, Version: V3, AdvertInterval: 10 * time.Millisecond, Addresses: prefixes("192.0.2.105/32"),
			Unicast: &Unicast{Source: near4, Peers: []netip.Addr{far4}},
		},
		near4, far4,
		"31386401000123dbc0000269",
	},
	{
		Router{
			Name: "unicast6", VRID: 57, Version: V3, AdvertInterval: time.Second, Addresses: prefixes("2001:db8::101/128"),
			Unicast: &Unicast{Source: near6, Peers: []netip.Addr{far6}},
		},
		near6, far6,
		"313964010064dfa920010db8000000000000000000000101",
	},
}

func prefixes(list ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, s := range list {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

// packet is the advertisement that a router of this setup sends.
func (p peered) packet(priority uint8) Packet {
	out := Packet{
		Version: p.router.Version, VRID: p.router.VRID, Priority: priority,
		Interval: p.router.AdvertInterval, Addresses: advertised(p.router),
	}
	if p.router.AuthPass != "" {
		out.AuthType, out.Auth = AuthSimple, p.router.AuthPass
	}
	if p.router.Version == V3 && !p.router.IPv6() {
		out.Checksum = ChecksumRFC5798
	}
	return out
}

func advertised(r Router) []netip.Addr {
	var out []netip.Addr
	for _, a := range r.Addresses {
		out = append(out, a.Addr())
	}
	return out
}

// group is where a router's advertisements go, to reach the host at that address.
func group(r Router, peer netip.Addr) netip.Addr {
	switch {
	case r.Unicast != nil:
		return peer
	case r.IPv6():
		return GroupIPv6
	}
	return GroupIPv4
}

// TestKeepalived has Debian's keepalived and this package understand each other.
func TestKeepalived(t *testing.T) {
	h := newHost(t, []string{"192.0.2.1/24", "2001:db8::1/64"}, []string{"192.0.2.2/24", "2001:db8::2/64"})
	conns := map[bool]*Conn{false: listen(t, "near0", false), true: listen(t, "near0", true)}
	keepalived := startKeepalived(t, h)

	for _, p := range besideKeepalived {
		t.Run(p.router.Name, func(t *testing.T) {
			conn := conns[p.router.IPv6()]
			d := receive(t, conn, p.router.VRID, func(Datagram) bool { return true })
			if d.Source != p.far || d.Destination != group(p.router, p.near) {
				t.Errorf("heard from %v to %v, want from %v to %v", d.Source, d.Destination, p.far, group(p.router, p.near))
			}
			if p.router.Unicast == nil && d.TTL != 255 {
				t.Errorf("TTL %d", d.TTL)
			}
			if got := hex.EncodeToString(d.Payload); got != p.recorded {
				t.Errorf("sends\n%s, and was recorded as\n%s", got, p.recorded)
			}
			got, verdict := Judge(p.router, p.near, d)
			if verdict != Accepted {
				t.Fatalf("%x is dropped: %v", d.Payload, verdict)
			}
			if diff := cmp.Diff(p.packet(keepalivesPriority), got, compareAddrs); diff != "" {
				t.Errorf("understood (-want +got):\n%s", diff)
			}
			want := p.packet(keepalivesPriority)
			if ours := want.Append(nil, d.Source, d.Destination); string(ours) != string(d.Payload) {
				t.Errorf("we would have sent\n%x, keepalived sent\n%x", ours, d.Payload)
			}

			// It yields to our higher priority, so it has understood every byte.
			dst := group(p.router, p.far)
			higher := p.packet(200)
			if err := conn.Send(higher.Append(nil, p.near, dst), p.near, dst); err != nil {
				t.Fatal(err)
			}
			keepalived.says(t, fmt.Sprintf("(%s) Master received advert from %v with higher priority 200", p.router.Name, p.near))
		})
	}

	t.Run("a checksum without pseudo-header", func(t *testing.T) {
		// keepalived 2.2.7 knows only the other, and says so: with such a peer checksum must
		// not be rfc9568.
		p := besideKeepalived[0]
		packet := p.packet(200)
		packet.Checksum = ChecksumRFC9568
		if err := conns[false].Send(packet.Append(nil, p.near, GroupIPv4), p.near, GroupIPv4); err != nil {
			t.Fatal(err)
		}
		keepalived.says(t, "(plain) Invalid VRRPv3 checksum")
	})

	t.Run("priority 0", func(t *testing.T) {
		p := besideKeepalived[0]
		receive(t, conns[false], p.router.VRID, func(d Datagram) bool { return d.Payload[2] == keepalivesPriority })
		keepalived.stop(t)
		d := receive(t, conns[false], p.router.VRID, func(d Datagram) bool { return d.Payload[2] != keepalivesPriority })
		want := p.packet(0)
		if ours := want.Append(nil, p.far, GroupIPv4); string(ours) != string(d.Payload) {
			t.Errorf("we would have sent\n%x, keepalived sent\n%x", ours, d.Payload)
		}
	})
}

// compareAddrs has cmp compare addresses by their values.
var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// keepalived is one at work on a host.
type keepalived struct {
	cmd   *exec.Cmd
	lines chan string // what it says; closed at its end
	said  []string    // what was read of it
	ended bool
}

// startKeepalived starts one for the routers that are beside it.
func startKeepalived(t *testing.T, h *host) *keepalived {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(file, []byte(keepalivedConfig()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(
		h.enter(), "keepalived", "--vrrp", "--dont-fork", "--log-console", "--log-detail", "--use-file", file,
		"--pid", filepath.Join(dir, "pid"), "--vrrp_pid", filepath.Join(dir, "vrrp.pid"),
	)
	k := &keepalived{cmd: exec.Command(args[0], args[1:]...), lines: make(chan string, 10_000)}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	k.cmd.Stderr = k.cmd.Stdout
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(k.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case k.lines <- s.Text():
			default: // more than any test wants: it must not wait for us
			}
		}
	}()
	t.Cleanup(func() {
		if !k.ended {
			k.stop(t)
		}
		if t.Failed() {
			t.Logf("keepalived said:\n%s", strings.Join(k.said, "\n"))
		}
	})
	return k
}

// stop ends it as its operator would, and waits for its end.
func (k *keepalived) stop(t *testing.T) {
	t.Helper()
	k.ended = true
	if err := k.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	for line := range k.lines {
		k.said = append(k.said, line)
	}
	k.cmd.Wait() // it ends by a signal of its own
}

// says waits until keepalived says something.
func (k *keepalived) says(t *testing.T, want string) {
	t.Helper()
	for timeout := time.After(patience); ; {
		select {
		case line, ok := <-k.lines:
			if !ok {
				t.Fatalf("keepalived ended and did not say %q", want)
			}
			if k.said = append(k.said, line); strings.Contains(line, want) {
				return
			}
		case <-timeout:
			t.Fatalf("keepalived did not say %q", want)
		}
	}
}

// keepalivedConfig is its configuration as the peer of the routers.
func keepalivedConfig() string {
	var b strings.Builder
	for _, p := range besideKeepalived {
		r := p.router
		fmt.Fprintf(&b, "vrrp_instance %s {\n interface far0\n version %d\n virtual_router_id %d\n priority %d\n advert_int %v\n",
			r.Name, r.Version, r.VRID, keepalivesPriority, r.AdvertInterval.Seconds())
		if r.AuthPass != "" {
			fmt.Fprintf(&b, " authentication {\n  auth_type PASS\n  auth_pass %s\n }\n", r.AuthPass)
		}
		if r.Unicast != nil {
			fmt.Fprintf(&b, " unicast_src_ip %v\n unicast_peer {\n  %v\n }\n", p.far, p.near)
		}
		b.WriteString(" virtual_ipaddress {\n")
		for _, a := range r.Addresses {
			fmt.Fprintf(&b, "  %v\n", a)
		}
		b.WriteString(" }\n}\n")
	}
	return b.String()
}
