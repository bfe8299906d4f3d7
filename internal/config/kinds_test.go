package config

import (
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/checker"
)

// furtherKinds are the checks of testdata/right/kinds.yaml from "watched" on.
func furtherKinds(server netip.AddrPort) []Check {
	rack := [][]byte{[]byte(rackNew), []byte(rackOld)}
	noerror := []string{"NOERROR"}
	check := func(name, target string, options checker.Options) Check {
		return Check{name, checker.Spec{Target: addrPort(target), Options: options, Timing: checker.DefaultTiming()}}
	}
	watched := check("watched", "192.0.2.21:9651", checker.Monitor{Server: server, Service: "web", Mode: checker.Watch})
	watched.Spec.Timing.FastInterval = 20 * time.Millisecond
	pushed := check("pushed", "192.0.2.31:9651", checker.Heartbeat{
		ID: "[2001:db8::21]:8080", Service: "web", Secrets: rack, Misses: 5,
		Fallback: &checker.Monitor{Server: server, Service: "web/2", Secrets: [][]byte{[]byte(fleetKey)}},
	})
	pushed.Spec.Timing = checker.Timing{
		Interval: 2 * time.Second, Timeout: 900 * time.Millisecond, FastInterval: 250 * time.Millisecond, Fall: 5, Rise: 1,
	}
	return []Check{
		watched, pushed,
		check("weighed", "192.0.2.21:8080", checker.Command{Argv: []string{"/usr/local/bin/ok"}, DynamicWeight: true}),
		check("haproxy", "192.0.2.31:9777", checker.Agent{Send: "hello\n", Expires: time.Minute}),
		check("echo", "192.0.2.21:7", checker.UDP{
			Send: []byte("hello"), RequireReply: true, Expect: regexp.MustCompile("^hello$"),
		}),
		check("ntp", "192.0.2.31:8080", checker.UDP{
			Send: []byte{0xe3, 0}, RequireReply: true, ExpectBytes: []byte{0x24, 0, 3}, Mask: []byte{0xff, 0, 0xff},
		}),
		check("zone", "192.0.2.21:53", checker.DNS{
			Name: "example.com.", Type: "AAAA", Protocol: "tcp", RCodes: []string{"NOERROR", "NXDOMAIN"},
			Answer: regexp.MustCompile("2001:db8::"),
		}),
		check("there", "192.0.2.31:0", checker.Ping{}),
		check("inbox", "192.0.2.21:50051", checker.GRPC{
			Service: "mail.v1.Inbox", Watch: true, Authority: "mail.example.com", TLS: &checker.TLS{ServerName: "mail.example.com"},
		}),
		check("udp", "192.0.2.21:8080", checker.UDP{}),
		check("dns", "192.0.2.21:8080", checker.DNS{Name: ".", Type: "SOA", Protocol: "udp", RCodes: noerror}),
		check("ping", "192.0.2.21:0", checker.Ping{}),
		check("grpc", "192.0.2.21:8080", checker.GRPC{}),
	}
}

// A heartbeat is of its real server unless it has an id; its fallback speaks of the real
// server, and of the heartbeat's service unless it has one of its own.
func TestHeartbeatsOfServers(t *testing.T) {
	heartbeat := func(name, id, target, server string, interval, timeout time.Duration) Check {
		return Check{name, checker.Spec{
			Target: addrPort(target),
			Options: checker.Heartbeat{
				ID: id, Service: "web", Secrets: [][]byte{[]byte(fleetKey)}, Misses: 3,
				Fallback: &checker.Monitor{Server: addrPort(server), Service: "web", Secrets: [][]byte{[]byte(rackNew)}},
			},
			Timing: checker.Timing{Interval: interval, Timeout: timeout, FastInterval: interval, Fall: 3, Rise: 2},
		}}
	}
	const ms = time.Millisecond
	want := []Check{
		heartbeat("pushed", "192.0.2.21:80", "192.0.2.21:80", "192.0.2.21:80", 100*ms, 100*ms),
		heartbeat("pushed", "192.0.2.22:8080", "192.0.2.22:8080", "192.0.2.22:8080", 100*ms, 100*ms),
		heartbeat("pushed", "[2001:db8::21]:80", "[2001:db8::21]:80", "[2001:db8::21]:80", 100*ms, 100*ms),
		heartbeat("named", "rs1", "192.0.2.21:9651", "192.0.2.21:0", time.Second, 500*ms),
		heartbeat("named", "rs1", "192.0.2.21:9651", "192.0.2.21:0", time.Second, 500*ms),
	}
	var got []Check
	for _, s := range right(t, "heartbeats.yaml").Services {
		for _, checks := range s.Checks {
			got = append(got, checks...)
		}
	}
	if diff := cmp.Diff(want, got, comparing); diff != "" {
		t.Error(diff)
	}
}

// Without a fallback nothing is dialled: no port is needed, and the timeout, which nobody
// could give, fits any interval.
func TestHeartbeatWithoutFallback(t *testing.T) {
	const text = `
secrets: {fleet: {file: /etc/mainstay/fleet.key}}
virtual_services:
  - name: web
    fwmark: 7
    family: ipv4
    forward: dr
    checks: [{heartbeat: {id: rs1, service: web, secret: fleet, interval: 10ms}, rise: 5}]
    real_servers: [192.0.2.21]
`
	c, problems := Parse("m.yaml", []byte(text), newHost())
	if c == nil {
		t.Fatal(problems)
	}
	const interval = 10 * time.Millisecond
	want := checker.Spec{
		Target:  addrPort("192.0.2.21:0"),
		Options: checker.Heartbeat{ID: "rs1", Service: "web", Secrets: [][]byte{[]byte(fleetKey)}, Misses: 3},
		Timing:  checker.Timing{Interval: interval, Timeout: interval, FastInterval: interval, Fall: 3, Rise: 5},
	}
	if diff := cmp.Diff(want, c.Services[0].Checks[0][0].Spec, comparing); diff != "" {
		t.Error(diff)
	}
}

// A file with a relay alone is a whole file, and the relay's key is what its secret holds.
func TestRelay(t *testing.T) {
	c := right(t, "relay.yaml")
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	want := &Relay{
		Listen: addrPort("192.0.2.31:9652"), ID: "rack7", Key: key, Cadence: 500 * time.Millisecond,
		Directors: []netip.AddrPort{addrPort("192.0.2.11:9652"), addrPort("[2001:db8::12]:9700")},
	}
	if diff := cmp.Diff(want, c.Relay, comparing); diff != "" {
		t.Error(diff)
	}
	if right(t, "smallest.yaml").Relay != nil {
		t.Error("a file without the section relay has one")
	}
}

// Every way to say where to listen that there is.
func TestSocketAddresses(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`"[::]:9652"`, "[::]:9652"},
		{"0.0.0.0:1", "0.0.0.0:1"},
		{"192.0.2.11:65535", "192.0.2.11:65535"},
		{`"[2001:db8:0::11]:9652"`, "[2001:db8::11]:9652"},
	} {
		c, problems := Parse("m.yaml", []byte("director: {heartbeat_listen: "+tc.text+"}"), newHost())
		if c == nil {
			t.Errorf("%s: %v", tc.text, problems)
		} else if got := c.Director.HeartbeatListen; got != addrPort(tc.want) {
			t.Errorf("%s: %s, want %s", tc.text, got, tc.want)
		}
	}
	for _, text := range []string{
		"9652", `":9652"`, "192.0.2.11", "192.0.2.11:0", "192.0.2.11:09652", "192.0.2.11:65536", `"192.0.2.11:"`, `"[192.0.2.11]:9652"`, `":::9652"`,
		`"[::]"`, `"[::%eth0]:9652"`, `"[::ffff:0.0.0.0]:9652"`, "224.0.0.18:9652", "localhost:9652", `"[fe80::1]:9652"`,
	} {
		if c, _ := Parse("m.yaml", []byte("director: {heartbeat_listen: "+text+"}"), newHost()); c != nil {
			t.Errorf("%s is taken, as %s", text, c.Director.HeartbeatListen)
		}
	}
}

// Domain names as they are written, and as they are asked for.
func TestDomainNames(t *testing.T) {
	for _, tc := range []struct{ given, want string }{
		{`"."`, "."},
		{"example.com", "example.com."},
		{"_sip._udp.Example.com.", "_sip._udp.Example.com."},
		{"a", "a."},
	} {
		c, problems := Parse("m.yaml", []byte(`
virtual_services:
  - {name: a, address: 192.0.2.1:53/udp, forward: nat, checks: [{dns: {name: `+tc.given+`}}], real_servers: [192.0.2.2]}`), newHost())
		if c == nil {
			t.Errorf("%s: %v", tc.given, problems)
		} else if got := c.Services[0].Checks[0][0].Spec.Options.(checker.DNS).Name; got != tc.want {
			t.Errorf("%s is asked for as %s, want %s", tc.given, got, tc.want)
		}
	}
}

// A secret that no configuration file names is held to the same rules.
func TestReadSecret(t *testing.T) {
	host := newHost()
	for _, tc := range []struct{ path, want, problem string }{
		{"/etc/mainstay/fleet.key", fleetKey, ""},
		{"/etc/mainstay/open.key", "", "/etc/mainstay/open.key has mode 0644: it is open to every user (want it closed: chmod 0640 /etc/mainstay/open.key)"},
		{"/etc/mainstay/short.key", "", "/etc/mainstay/short.key holds a secret of 15 bytes (want at least 16)"},
		{"/etc/mainstay/none.key", "", "/etc/mainstay/none.key does not exist"},
	} {
		key, err := ReadSecretFrom(host, tc.path)
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if string(key) != tc.want || problem != tc.problem {
			t.Errorf("%s: %q, %q; want %q, %q", tc.path, key, problem, tc.want, tc.problem)
		}
	}
}
