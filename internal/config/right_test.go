package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// comparing compares configurations by what they say, not by where they say it.
var comparing = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(_, _ place) bool { return true }),
	cmp.Comparer(func(a, b *regexp.Regexp) bool {
		return a == b || a != nil && b != nil && a.String() == b.String()
	}),
}

// right parses a file of testdata/right, which has neither errors nor warnings.
func right(t testing.TB, name string) *Config {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/right", name))
	if err != nil {
		t.Fatal(err)
	}
	c, problems := Parse(name, text, newHost())
	for _, p := range append(problems.Errors, problems.Warnings...) {
		t.Error(p)
	}
	if c == nil {
		t.FailNow()
	}
	return c
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func tcpTo(target string) Check {
	return Check{Name: "tcp", Spec: checker.Spec{Target: addrPort(target), Options: checker.TCP{}, Timing: checker.DefaultTiming()}}
}

// The smallest useful file gets every default.
func TestSmallestFile(t *testing.T) {
	got := right(t, "smallest.yaml")
	got.File = nil
	want := &Config{
		Director: Director{
			Name:          "lb-a", // the host's
			ControlSocket: "/run/mainstay/control.sock",
			StateDir:      "/var/lib/mainstay",
			OnStop:        Keep,
			AuditInterval: 30 * time.Second,

			HeartbeatListen: addrPort("[::]:9652"),
		},
		Services: []Service{{
			Service: decide.Service{
				Name:         "web",
				Head:         ipvs.Service{Key: ipvs.AddressKey(ipvs.TCP, addrPort("192.0.2.100:80")), Scheduler: "wlc"},
				Quorum:       1,
				DrainTimeout: time.Minute,
				Servers: []decide.Server{
					{Server: ipvs.Server{Address: addrPort("192.0.2.21:80"), Forward: ipvs.NAT, Weight: 1}, Checks: []string{"tcp"}},
					{Server: ipvs.Server{Address: addrPort("192.0.2.22:80"), Forward: ipvs.NAT, Weight: 1}, Checks: []string{"tcp"}},
				},
			},
			Checks: [][]Check{{tcpTo("192.0.2.21:80")}, {tcpTo("192.0.2.22:80")}},
		}},
	}
	if diff := cmp.Diff(want, got, comparing); diff != "" {
		t.Error(diff)
	}
}

// Every key of the director and of a virtual service arrives where it should.
func TestEveryKeyOfAService(t *testing.T) {
	got := right(t, "bastion.yaml")
	wantDirector := Director{
		Name: "lb-1", ControlSocket: "/run/mainstay/other.sock", StateDir: "/var/lib/mainstay-1",
		OnStop: Clear, AuditInterval: 10 * time.Second, CommandUser: "nobody",
		HeartbeatListen: addrPort("192.0.2.11:9700"),
	}
	if diff := cmp.Diff(wantDirector, got.Director, comparing); diff != "" {
		t.Error(diff)
	}
	monitor := func(server string) Check {
		return Check{Name: "bastion", Spec: checker.Spec{
			Target: netip.AddrPortFrom(addrPort(server).Addr(), 9651),
			Options: checker.Monitor{
				Server: addrPort(server), Service: "bastion", Secrets: [][]byte{[]byte(fleetKey)},
			},
			Timing: checker.Timing{
				Interval: time.Second, Timeout: 500 * time.Millisecond, FastInterval: 200 * time.Millisecond, Fall: 3, Rise: 2,
			},
		}}
	}
	want := []Service{{
		Service: decide.Service{
			Name: "bastion",
			Head: ipvs.Service{
				Key:            ipvs.AddressKey(ipvs.TCP, addrPort("192.0.2.100:2222")),
				Scheduler:      "mh",
				SchedulerFlags: ipvs.MHFallback | ipvs.MHPort,
				Persistence:    ipvs.Persistence{Timeout: 5 * time.Minute, Prefix: 24},
			},
			Quorum:        2,
			Hysteresis:    1,
			Sorry:         &ipvs.Server{Address: addrPort("192.0.2.99:2222"), Forward: ipvs.DR, Weight: 1},
			OnFailure:     decide.Quiesce,
			FailOpenBelow: 20,
			DrainTimeout:  90 * time.Second,
			Servers: []decide.Server{
				{Server: ipvs.Server{Address: addrPort("192.0.2.21:2222"), Forward: ipvs.DR, Weight: 50}, Checks: []string{"bastion"}},
				{Server: ipvs.Server{
					Address: addrPort("192.0.2.22:2222"), Forward: ipvs.Tunnel, Weight: 100,
					Tunnel:         ipvs.TunnelOptions{Type: ipvs.GUE, Port: 6080, Checksum: ipvs.ChecksumRemote},
					MaxConnections: 1000, ResumeConnections: 800,
				}, Checks: []string{"bastion", "tcp"}},
			},
		},
		Checks: [][]Check{
			{monitor("192.0.2.21:2222")},
			{monitor("192.0.2.22:2222"), tcpTo("192.0.2.22:2222")},
		},
	}}
	if diff := cmp.Diff(want, got.Services, comparing); diff != "" {
		t.Error(diff)
	}
}

// Services and servers of both families, all protocols, port 0, a firewall mark.
func TestFamilies(t *testing.T) {
	c := right(t, "families.yaml")
	want := []struct {
		key     string
		family  ipvs.Family
		prefix  int
		servers []ipvs.Server
		targets []string
	}{
		{
			"[2001:db8::100]:2222/tcp", ipvs.IPv6, 128,
			[]ipvs.Server{
				{Address: addrPort("[2001:db8::21]:2222"), Forward: ipvs.Tunnel, Weight: 1},
				{Address: addrPort("[2001:db8::22]:2222"), Forward: ipvs.Tunnel, Weight: 1},
				{
					Address: addrPort("192.0.2.23:2222"), Forward: ipvs.Tunnel, Weight: 1,
					Tunnel: ipvs.TunnelOptions{Type: ipvs.GRE, Checksum: ipvs.ChecksumStandard},
				},
			},
			[]string{"[2001:db8::21]:2222", "[2001:db8::22]:2222", "192.0.2.23:2222"},
		},
		{
			"192.0.2.100:53/udp", ipvs.IPv4, 0,
			[]ipvs.Server{{Address: addrPort("192.0.2.21:5353"), Forward: ipvs.NAT, Weight: 1}},
			[]string{"192.0.2.21:5353"},
		},
		{
			"192.0.2.100:2905/sctp", ipvs.IPv4, 0,
			[]ipvs.Server{{Address: addrPort("192.0.2.21:2905"), Forward: ipvs.DR, Weight: 1}},
			[]string{"192.0.2.121:8080"},
		},
		{
			"192.0.2.101:0/tcp", ipvs.IPv4, 32,
			[]ipvs.Server{{Address: addrPort("192.0.2.21:0"), Forward: ipvs.DR, Weight: 1}},
			[]string{"192.0.2.21:22"},
		},
		{
			"fwmark 7 ipv6", ipvs.IPv6, 0,
			[]ipvs.Server{{Address: addrPort("[2001:db8::21]:0"), Forward: ipvs.DR, Weight: 1}},
			[]string{"[2001:db8::21]:80"},
		},
	}
	if len(c.Services) != len(want) {
		t.Fatalf("%d services, want %d", len(c.Services), len(want))
	}
	for i, w := range want {
		s := c.Services[i]
		if s.Head.Key.String() != w.key || s.Head.Family != w.family || s.Head.Persistence.Prefix != w.prefix {
			t.Errorf("got %s, %s, prefix %d; want %s, %s, %d",
				s.Head.Key, s.Head.Family, s.Head.Persistence.Prefix, w.key, w.family, w.prefix)
		}
		var servers []ipvs.Server
		var targets []string
		for j, server := range s.Servers {
			servers = append(servers, server.Server)
			for _, check := range s.Checks[j] {
				targets = append(targets, check.Spec.Target.String())
			}
		}
		if diff := cmp.Diff(w.servers, servers, comparing); diff != "" {
			t.Errorf("%s: %s", w.key, diff)
		}
		if diff := cmp.Diff(w.targets, targets); diff != "" {
			t.Errorf("%s: %s", w.key, diff)
		}
	}
	if got, want := c.Services[0].Sorry.Address, addrPort("[2001:db8::99]:2222"); got != want {
		t.Errorf("sorry server at %s, want %s", got, want)
	}
	if !c.Services[1].Head.OnePacket || !c.Services[4].Head.OnePacket {
		t.Error("one_packet is lost")
	}
}

// Every kind of check arrives whole, and the names of a server's checks differ.
func TestKinds(t *testing.T) {
	c := right(t, "kinds.yaml")
	pem := testPEMs()
	server := addrPort("192.0.2.21:8080")
	timing := func(change func(*checker.Timing)) checker.Timing {
		t := checker.DefaultTiming()
		change(&t)
		return t
	}
	https := checker.HTTP{
		Method: "POST", Path: "/health?full=1", Host: "www.example.com:8443",
		Headers: []checker.Header{{Name: "X-Probe", Value: "mainstay"}, {Name: "Accept", Value: "text/plain, */*"}, {Name: "X-Number", Value: "1"}},
		Status:  []checker.StatusRange{{From: 200, To: 299}, {From: 304, To: 304}},
		Body:    regexp.MustCompile(`"ok"\s*:\s*true`),
		TLS:     &checker.TLS{InsecureSkipVerify: true},
	}
	plain := func(path string) checker.HTTP {
		return checker.HTTP{Method: "GET", Path: path, Status: []checker.StatusRange{{From: 200, To: 299}}}
	}
	want := []Check{
		{"port", checker.Spec{Target: addrPort("192.0.2.31:81"), Options: checker.TCP{}, Timing: checker.DefaultTiming()}},
		{"handshake", checker.Spec{Target: addrPort("192.0.2.21:443"), Options: checker.TLS{
			ServerName: "www.example.com", RootCAs: []byte(pem.certificate),
			Certificate: []byte(pem.certificate), Key: []byte(pem.key), ALPN: []string{"h2", "http/1.1"},
		}, Timing: checker.DefaultTiming()}},
		{"page", checker.Spec{Target: server, Options: https, Timing: timing(func(t *checker.Timing) {
			t.Interval, t.FastInterval, t.Timeout = 5*time.Second, 5*time.Second, 2*time.Second
		})}},
		{"smtp", checker.Spec{Target: server, Options: checker.Exchange{
			Steps: []checker.Step{
				{Expect: regexp.MustCompile("^220 ")},
				{Send: []byte("QUIT\r\n")},
				{Send: []byte{0x0d, 0x0a}},
				{ExpectBytes: []byte{0x00, 0x00, 0xff}, Mask: []byte{0xff, 0x00, 0xff}},
			},
			TLS: &checker.TLS{ServerName: "mail.example.com"},
		}, Timing: checker.DefaultTiming()}},
		{"script", checker.Spec{
			Target: server, Options: checker.Command{Argv: []string{"/usr/local/bin/nobodys", "", "-v", "two words"}},
			Timing: timing(func(t *checker.Timing) { t.Timeout = 900 * time.Millisecond }),
		}},
		{"asked", checker.Spec{
			Target:  addrPort("192.0.2.21:9651"),
			Options: checker.Monitor{Server: server, Service: "web/[blue]", Secrets: [][]byte{[]byte(rackNew), []byte(rackOld)}},
			Timing:  timing(func(t *checker.Timing) { t.Fall, t.Rise = 5, 1 }),
		}},
		{"tcp", checker.Spec{Target: server, Options: checker.TCP{}, Timing: checker.DefaultTiming()}},
		{"tls", checker.Spec{Target: server, Options: checker.TLS{}, Timing: checker.DefaultTiming()}},
		{"http", checker.Spec{Target: server, Options: plain("/"), Timing: checker.DefaultTiming()}},
		{"http#2", checker.Spec{Target: server, Options: plain("/second"), Timing: timing(func(t *checker.Timing) {
			t.Interval, t.FastInterval = 2*time.Second, 2*time.Second
		})}},
		{"http#3", checker.Spec{Target: server, Options: plain("/third"), Timing: timing(func(t *checker.Timing) {
			t.FastInterval = 500 * time.Millisecond
		})}},
	}
	want = append(want, furtherKinds(server)...)
	if diff := cmp.Diff(want, c.Services[0].Checks[0], comparing); diff != "" {
		t.Error(diff)
	}
	for i, check := range want {
		if got := c.Services[0].Servers[0].Checks[i]; got != check.Name {
			t.Errorf("check %d is named %q for reasons, want %q", i, got, check.Name)
		}
	}
}

// Anchors and << are worth what stands for them.
func TestAnchors(t *testing.T) {
	c := right(t, "anchors.yaml")
	var got []string
	for _, s := range c.Services {
		line := fmt.Sprint(s.Name, " ", s.Head.Key, " ", s.Head.Scheduler)
		for i, server := range s.Servers {
			line += fmt.Sprint(" | ", server.Forward, " ", server.Address, " ", server.Weight)
			for _, check := range s.Checks[i] {
				line += fmt.Sprint(" ", check.Name, " ", check.Spec.Timing.Interval)
			}
		}
		got = append(got, line)
	}
	want := []string{
		"web 192.0.2.100:80/tcp wlc | nat 192.0.2.21:80 1 fast 500ms | nat 192.0.2.22:80 50 fast 500ms",
		"web-tls 192.0.2.100:443/tcp wlc | nat 192.0.2.21:443 1 faster 600ms | nat 192.0.2.22:443 50 faster 600ms",
		"third 192.0.2.100:81/tcp rr | dr 192.0.2.22:81 50 fast 500ms | dr 192.0.2.23:81 50 fast 500ms",
		"fourth 192.0.2.100:82/tcp wlc | nat 192.0.2.21:82 1 fast 500ms | nat 192.0.2.22:82 50 fast 500ms",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Commands that none but root and the command's own user can change are taken.
func TestCommandsOfTrustedUsers(t *testing.T) {
	root := newHost()
	root.uid = 0
	for _, tc := range []struct {
		host *fakeHost
		text string
	}{
		{newHost(), "checks: {a: {command: [/usr/local/bin/ok]}}"},
		{newHost(), "checks: {a: {command: [/usr/local/bin/roots]}}"}, // the group root may write it
		{newHost(), "checks: {a: {command: [/tmp/ok]}}"},              // a sticky folder
		{root, "{director: {command_user: nobody}, checks: {a: {command: [/usr/local/bin/ok]}}}"},
		{root, "{director: {command_user: nobody}, checks: {a: {command: [/usr/local/bin/nobodys]}}}"},
	} {
		c, problems := Parse("m.yaml", []byte(tc.text), tc.host)
		if c == nil || len(problems.Warnings) > 0 {
			t.Errorf("%s: %v", tc.text, problems)
		}
	}
}

// What is printed and shown names secrets by their files, and holds none.
func TestSecretsStayOutOfTheFile(t *testing.T) {
	for _, name := range []string{"kinds.yaml", "routers.yaml"} {
		text := printed(t, right(t, name).File)
		for _, secret := range []string{rackNew, rackOld, testPEMs().key, vrrpPass} {
			if strings.Contains(text, secret) {
				t.Errorf("%s, printed, holds a secret: %q", name, secret)
			}
		}
	}
}
