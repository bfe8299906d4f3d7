package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// What is printed is what a user could have written: given keys only, in the
// order of the reference, short where it can be.
func TestPrinted(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"the keys that are given", `
virtual_services:
  - real_servers: [{weight: 1, address: "192.0.2.21"}, {address: 192.0.2.22:80}]
    checks: [{tcp: {}}, http]
    forward: "nat"
    address: '192.0.2.100:80/tcp'
    name: web
`, `
virtual_services:
  - name: web
    address: 192.0.2.100:80/tcp
    forward: nat
    checks:
      - tcp: {}
      - http
    real_servers:
      - address: 192.0.2.21
        weight: 1
      - 192.0.2.22:80
`},
		{"text that needs quotes", `
checks:
  a:
    exchange: {steps: [{send: "QUIT\r\n"}, {expect: '\d+ "x" [a]: #'}, {send: "null"}, {send: " "}, {send_hex: 0D 0A}, {expect_hex: "?? 0d"}]}
    interval: 90m
`, `
checks:
  a:
    exchange:
      steps:
        - send: "QUIT\r\n"
        - expect: "\\d+ \"x\" [a]: #"
        - send: "null"
        - send: " "
        - send_hex: 0d0a
        - expect_hex: "??0d"
    interval: 1h30m
`},
		{"aliases and merges", `
checks:
  a: &a {http: {headers: {Y: 1}, status: [200, 301-302]}, interval: 2s}
  b: {<<: *a, interval: 3s}
`, `
checks:
  a:
    http:
      headers:
        Y: 1
      status: [200, 301-302]
    interval: 2s
  b:
    http:
      headers:
        Y: 1
      status: [200, 301-302]
    interval: 3s
`},
		{"IPv6, a firewall mark, a secret", `
secrets: {s: {file: /etc/mainstay/fleet.key}}
virtual_services:
  - {name: m, fwmark: 7, family: ipv6, forward: dr, fail_open_below: 5%, checks: [{monitor: {port: 1, service: "[x]", secret: s}}],
     real_servers: ["[2001:db8:0::1]"]}
`, `
secrets:
  s:
    file: /etc/mainstay/fleet.key
virtual_services:
  - name: m
    fwmark: 7
    family: ipv6
    forward: dr
    fail_open_below: 5%
    checks:
      - monitor:
          port: 1
          service: "[x]"
          secret: s
    real_servers: ["[2001:db8::1]"]
`},
		{"kinds of every sort, and a relay", `
relay: {directors: ["[2001:db8:0::11]:9652", 192.0.2.12:9652], cadence: 1000ms, id: rack7, listen: "[::]:9652"}
director: {heartbeat_listen: 0.0.0.0:9652}
secrets: {s: {file: /etc/mainstay/fleet.key}, t: {file: /etc/mainstay/rack.new}}
checks:
  a: {command: {argv: [/usr/local/bin/ok]}}
  b: {command: {dynamic_weight: true, argv: [/usr/local/bin/ok]}}
  c: {heartbeat: {fallback: {monitor: {secret: t, port: 1}}, secret: s, service: web, interval: 0.5s}, rise: 1, timeout: 100ms}
  d: {monitor: {service: web, mode: watch}}
  e: {agent: {port: 1, send: "x\n", expires: 60s}}
  f: {udp: {require_reply: true, send_hex: "0A"}}
  g: {dns: {rcodes: [NXDOMAIN], name: ".", type: "A"}}
  h: {ping: {}}
  i: {grpc: {tls: {}, mode: check}}
`, `
director:
  heartbeat_listen: 0.0.0.0:9652
secrets:
  s:
    file: /etc/mainstay/fleet.key
  t:
    file: /etc/mainstay/rack.new
checks:
  a:
    command: [/usr/local/bin/ok]
  b:
    command:
      argv: [/usr/local/bin/ok]
      dynamic_weight: true
  c:
    heartbeat:
      service: web
      secret: s
      interval: 500ms
      fallback:
        monitor:
          port: 1
          secret: t
    timeout: 100ms
    rise: 1
  d:
    monitor:
      service: web
      mode: watch
  e:
    agent:
      port: 1
      send: "x\n"
      expires: 1m
  f:
    udp:
      send_hex: 0a
      require_reply: true
  g:
    dns:
      name: "."
      type: A
      rcodes: [NXDOMAIN]
  h:
    ping: {}
  i:
    grpc:
      mode: check
      tls: {}
relay:
  listen: "[::]:9652"
  id: rack7
  cadence: 1s
  directors: ["[2001:db8::11]:9652", '192.0.2.12:9652']
`},
		{"virtual routers", `
virtual_routers:
  - addresses: [192.0.2.100, 192.0.2.101/24]
    vrid: 51
    unicast: {peers: [192.0.2.12], source: 192.0.2.11}
    extra_addresses: ["2001:db8:0::100", "fe80::1/64"]
    track: {commands: [{penalty: 5, command: [/usr/local/bin/ok, "two words"], interval: 1000ms}], interfaces: [eth1]}
    version: 3
    checksum: "rfc9568"
    advert_interval: 0.05s
    preempt: True
    interface: "eth0"
    name: edge
`, `
virtual_routers:
  - name: edge
    interface: eth0
    vrid: 51
    version: 3
    advert_interval: 50ms
    preempt: true
    unicast:
      source: 192.0.2.11
      peers: [192.0.2.12]
    addresses: [192.0.2.100/32, 192.0.2.101/24]
    extra_addresses: ['2001:db8::100/128', 'fe80::1/64']
    checksum: rfc9568
    track:
      interfaces: [eth1]
      commands:
        - command: [/usr/local/bin/ok, "two words"]
          interval: 1s
          penalty: 5
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, problems := Parse("m.yaml", []byte(tc.text), newHost())
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tc.want, "\n"), printed(t, c.File)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A File that a program made prints as one that was read.
func TestPrintedFileOfAProgram(t *testing.T) {
	endpoint, err := parseEndpoint("192.0.2.21")
	if err != nil {
		t.Fatal(err)
	}
	file := &File{
		Director: Give(DirectorKeys{AuditInterval: Give(time.Minute)}),
		VirtualServices: Give([]Value[ServiceKeys]{Give(ServiceKeys{
			Name:        Give("web"),
			Address:     Give(ipvs.AddressKey(ipvs.TCP, addrPort("192.0.2.100:80"))),
			Forward:     Give(ipvs.DR),
			Checks:      Give([]Value[CheckUse]{Give(CheckUse{Name: "tcp"})}),
			RealServers: Give([]Value[ServerKeys]{Give(ServerKeys{Address: Give(endpoint)})}),
		})}),
	}
	text := printed(t, file)
	want := `director:
  audit_interval: 1m
virtual_services:
  - name: web
    address: 192.0.2.100:80/tcp
    forward: dr
    checks: [tcp]
    real_servers: [192.0.2.21]
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
	if _, problems := Parse("m.yaml", []byte(text), newHost()); problems.Err() != nil {
		t.Error(problems.Err())
	}
}

func printed(t testing.TB, f *File) string {
	t.Helper()
	text, err := f.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkPrints holds that an accepted configuration prints as a text that is
// accepted, says the same, and prints as itself.
func checkPrints(t *testing.T, c *Config, host Host) {
	t.Helper()
	checkRuns(t, c)
	text := printed(t, c.File)
	again, problems := Parse("printed.yaml", []byte(text), host)
	if err := problems.Err(); err != nil {
		t.Fatalf("what was printed is refused: %v\n%s", err, text)
	}
	if diff := cmp.Diff(c, again, comparing); diff != "" {
		t.Fatalf("what was printed says something else: %s\n%s", diff, text)
	}
	if twice := printed(t, again.File); twice != text {
		t.Fatalf("printed twice:\n%s\nand\n%s", text, twice)
	}
}

// checkRuns holds that every check of an accepted configuration can be run: that
// no mistake is left for the daemon to find.
func checkRuns(t *testing.T, c *Config) {
	t.Helper()
	for _, s := range c.Services {
		for i, checks := range s.Checks {
			for _, check := range checks {
				if err := check.Spec.Validate(); err != nil {
					t.Errorf("%s, %s, %s: %v", s.Name, s.Servers[i].Address, check.Name, err)
				}
			}
		}
	}
	for _, r := range c.Routers {
		for _, command := range r.Commands {
			if err := command.Spec.Validate(); err != nil {
				t.Errorf("%s, %s: %v", r.Name, command.Name, err)
			}
		}
	}
}

func TestPrintedReadsAsItself(t *testing.T) {
	paths, err := filepath.Glob("testdata/right/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			checkPrints(t, right(t, filepath.Base(path)), newHost())
		})
	}
}

// Any text survives printing: YAML has many ways to mean something else.
func TestAnyTextPrints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(
			rapid.String(),
			rapid.StringOfN(rapid.RuneFrom([]rune("ab09 \n\t\r\\\"'#:,-?[]{}&*!|>%@`~<=\u0085\u2028\ufeff\U0001f600")), 1, 12, -1),
			rapid.SampledFrom([]string{"null", "~", "true", "no", "<<", "0x1f", "1e3", ".inf", "2001-01-01", "---", "...", "=", "192.0.2.1:80", "a:", "5%"}),
		)
		argv := append([]string{"/usr/local/bin/ok"}, rapid.SliceOfN(word, 1, 5).Draw(t, "argv")...)
		var arguments []Value[string]
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], "\x00", "")
			arguments = append(arguments, Give(argv[i]))
		}
		file := &File{Checks: Give([]Entry[CheckKeys]{{Name: "a", Value: Give(CheckKeys{Command: Give(CommandKeys{Argv: Give(arguments)})})}})}
		text, err := file.YAML()
		if err != nil {
			t.Fatal(err)
		}
		c, problems := Parse("m.yaml", text, newHost())
		if err := problems.Err(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		var got []string
		for _, a := range c.File.Checks.V[0].Value.V.Command.V.Argv.V {
			got = append(got, a.V)
		}
		if diff := cmp.Diff(argv, got); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	})
}

// Parse never panics, says something of whatever it refuses, and what it accepts
// prints and reads as itself.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/right/*.yaml", "testdata/wrong/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no files: %v", err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			if len(text) < 8<<10 { // the fuzzer spends its time on long seeds
				f.Add(text)
			}
		}
	}
	host := newHost()
	f.Fuzz(func(t *testing.T, text []byte) {
		c, problems := Parse("m.yaml", text, host)
		if (c == nil) != (len(problems.Errors) > 0) {
			t.Fatalf("a Config and errors, or neither: %v", problems.Errors)
		}
		for _, p := range append(problems.Errors, problems.Warnings...) {
			if strings.ContainsFunc(p.String(), isControl) || len(p.String()) > 4096 {
				t.Fatalf("not one line, or a very long one: %q", p.String())
			}
		}
		if c != nil {
			checkPrints(t, c, host)
		}
	})
}
