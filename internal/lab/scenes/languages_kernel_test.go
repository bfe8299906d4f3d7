//go:build kernel

package scenes

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// language is a real server with a monitor in some language. All take the same flags, and
// those that are not in Go take the same orders on their input.
type language struct {
	name string
	argv []string
}

// languages are those that examples embed a monitor in.
func languages(t *testing.T) []language {
	script, err := filepath.Abs("../../../examples/monitor-python/server.py")
	if err != nil {
		t.Fatal(err)
	}
	return []language{
		{"c", []string{bin("tally-c")}},
		{"python", []string{"python3", script}},
	}
}

// ways are the ways in which a director knows of a server, as checks of a file.
var waysToKnow = []struct{ name, check string }{
	{"poll", "{monitor: {port: 9651, service: demo, secret: fleet}, interval: 300ms, timeout: 300ms}"},
	{"watch", "{monitor: {port: 9651, service: demo, secret: fleet, mode: watch}, interval: 300ms, timeout: 300ms}"},
	{"heartbeat", "{heartbeat: {service: demo, secret: fleet, interval: 300ms}}"},
}

// Servers in other languages fail and recover as the one in Go does, by whatever way the
// director knows of them, and stay in the table exactly as long as they should.
func TestRealServersInOtherLanguages(t *testing.T) {
	for _, l := range languages(t) {
		for _, w := range waysToKnow {
			t.Run(l.name+"/"+w.name, func(t *testing.T) { playLanguage(t, l, w.check) })
		}
	}
}

const languageSecret = "a secret for all languages"

func playLanguage(t *testing.T, l language, check string) {
	s := newScene(t)
	s.secret("fleet", languageSecret)
	s.secret("id", wire.FormatKey(wire.DeriveKey([]byte(languageSecret), server1)))
	s.hosts[server1] = s.lab.Host("rs1").Join("back", "192.0.2.21/24").Route("default via 192.0.2.1")
	serve := func() *lab.Process {
		args := append(l.argv[1:len(l.argv):len(l.argv)], "--listen", "0.0.0.0:7000", "--monitor", "0.0.0.0:9651", "--service", "demo",
			"--secret-file", s.file("fleet"), "--stuck-after", "500ms", "--leave", "100ms")
		if strings.Contains(check, "heartbeat") {
			args = append(args, "--heartbeat-to", "192.0.2.1:9652", "--heartbeat-id", server1, "--heartbeat-key-file", s.file("id"),
				"--interval", "300ms")
		}
		p := s.hosts[server1].Start(l.argv[0], args...)
		p.WaitFor(0, "listening")
		return p
	}
	p := serve()
	s.config(`
secrets: {fleet: {file: {{dir}}/fleet}}
virtual_services:
  - name: demo
    address: ` + virtual + `/tcp
    scheduler: rr
    forward: nat
    checks: [` + check + `]
    real_servers: [{address: "` + server1 + `", weight: 100}]
`)
	s.start()
	s.wants(demoTable(server1 + " 100"))
	order := func(words string) {
		t.Helper()
		mark := p.Mark()
		p.Send(words)
		p.WaitFor(mark, "(?m)^ok$")
	}

	order("weight 30")
	s.wants(demoTable(server1 + " 30"))
	order("weight 100")
	s.wants(demoTable(server1 + " 100"))

	order("state down out of paper")
	s.wants(demoTable())
	s.becomes(server1, "down", "out of paper")
	order("state up")
	s.wants(demoTable(server1 + " 100"))

	order("stick")
	s.wants(demoTable())
	s.becomes(server1, "down", "stuck: worker")
	order("unstick")
	s.wants(demoTable(server1 + " 100"))

	p.Kill()
	s.wants(demoTable())
	p = serve()
	s.wants(demoTable(server1 + " 100"))

	p.Stop()
	s.wants(demoTable())
}
