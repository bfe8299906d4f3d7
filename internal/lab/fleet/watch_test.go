package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

func TestMain(m *testing.M) {
	if err := lab.OwnNetwork(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// All programs of a service end and are back at once: from outside, that is a firewall that
// resets every connection and refuses new ones for a moment. What the director takes out at
// once is a quarter of the service, and the others stay all the time.
func TestOneEventTakesOutAQuarterAtMost(t *testing.T) {
	const servers = 8
	dir := t.TempDir()
	bin := func(name string) string {
		path, err := filepath.Abs("../../../bin/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	host := lab.New(t).Host("lb-a")
	serve := func() *lab.Process {
		p := host.Start(bin("fleet"), "serve", "-count", fmt.Sprint(servers))
		p.WaitFor(0, "ready")
		return p
	}
	var list []string
	for i := range servers {
		list = append(list, fmt.Sprintf("127.100.0.%d:7000", i+1))
	}
	file := filepath.Join(dir, "mainstay.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
director: {name: lb-a, control_socket: %[1]s/control.sock, state_dir: %[1]s/state}
virtual_services:
  - name: fleet
    address: 203.0.113.1:7000/tcp
    forward: nat
    checks: [{monitor: {port: 9651, service: fleet, mode: watch}, interval: 5s, timeout: 5s}]
    real_servers: ["%[2]s"]
`, dir, strings.Join(list, `", "`)), 0o600); err != nil {
		t.Fatal(err)
	}
	programs := serve()
	daemon := host.Start(bin("mainstay"), "run", "--observe", "--config", file)
	up := regexp.MustCompile(`msg="real server up`)
	lab.Eventually(t, "all are up", func() (bool, string) {
		n := len(up.FindAllString(daemon.Output(), -1))
		return n == servers, fmt.Sprint(n)
	})
	mark := daemon.Mark()
	programs.Kill()
	daemon.WaitFor(mark, `(?s)msg="real server down.*msg="real server down`)
	serve()
	lab.Eventually(t, "those that went are back", func() (bool, string) {
		said := daemon.Output()[mark:]
		down := strings.Count(said, `msg="real server down`)
		return down == len(up.FindAllString(said, -1)), said
	})
	if down := strings.Count(daemon.Output()[mark:], `msg="real server down`); down != servers/4 {
		t.Errorf("%d of %d servers went, want %d\n%s", down, servers, servers/4, daemon.Output()[mark:])
	}
}
