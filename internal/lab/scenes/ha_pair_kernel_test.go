//go:build kernel

package scenes

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

const haPair = "../../../examples/ha-pair/"

// example writes a director's file from one of examples/ha-pair, with this scene's files
// in place of the machine's, and without its wait for the addresses.
func (s *scene) example(name string) {
	s.Helper()
	text, err := os.ReadFile(haPair + name)
	if err != nil {
		s.Fatal(err)
	}
	changed := strings.NewReplacer(
		"director:\n", "director:\n  control_socket: "+s.file("control.sock")+"\n  state_dir: "+s.file("state")+"\n",
		"preempt_delay: 30s", "preempt_delay: 0s",
	).Replace(string(text))
	if err := os.WriteFile(s.file("mainstay.yaml"), []byte(changed), 0o600); err != nil {
		s.Fatal(err)
	}
}

// sysctls sets the kernel parameters of a file of sysctl.d in a host.
func sysctls(t *testing.T, h *lab.Host, name string) {
	t.Helper()
	file, err := os.Open(haPair + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if key, value, ok := strings.Cut(line, "="); ok {
			h.Sysctl(strings.TrimSpace(key), strings.TrimSpace(value))
		}
	}
}

// The pairs of examples/ha-pair do what their README says: one master, the preferred one;
// a failover by hand that open connections survive; and back.
func TestTheHAPairExamples(t *testing.T) {
	for _, c := range []struct {
		variant, router, address, script string
		client                           []string // its segment and address
	}{
		{"nat", "outside", "198.51.100.100", "nat-real-server.sh", []string{"eth0", "198.51.100.10/24"}},
		{"dr", "edge", "192.0.2.100", "dr-real-server.sh", []string{"clients", "198.51.100.10/24"}},
	} {
		t.Run(c.variant, func(t *testing.T) {
			l := lab.New(t)
			servers := map[string]string{"nat": "eth1", "dr": "eth0"}[c.variant] // their segment
			client := l.Host("client").Join(c.client[0], c.client[1])
			if c.variant == "dr" {
				l.Host("router").Join("clients", "198.51.100.1/24").Join(servers, "192.0.2.1/24").Sysctl("net.ipv4.ip_forward", "1")
				client.Route("default via 198.51.100.1")
			}
			script, err := filepath.Abs(haPair + c.script)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"rs1", "rs2"} {
				h := l.Host(name).Join(servers, "192.0.2.2"+name[2:]+"/24")
				if c.variant == "dr" {
					h.Route("default via 192.0.2.1")
				}
				h.Run(script)
				h.Start(bin("realserver"), "-name", name, "-listen", ":80").WaitFor(0, "listening")
			}
			directors := make(map[string]*scene)
			for i, name := range []string{"lb-a", "lb-b"} {
				s := &scene{T: t, lab: l, dir: t.TempDir(), director: l.Host(name), client: client}
				own := []string{"11", "12"}[i]
				if c.variant == "nat" {
					s.director.Join("eth0", "198.51.100."+own+"/24")
				}
				s.director.Join(servers, "192.0.2."+own+"/24")
				if c.variant == "dr" {
					s.director.Route("default via 192.0.2.1")
				}
				sysctls(t, s.director, "director-sysctl.conf")
				s.example(c.variant + "-" + name + ".yaml")
				directors[name] = s
			}
			a, b := directors["lb-a"], directors["lb-b"]
			b.start()
			b.holds(c.address)
			a.start()
			a.holds(c.address)

			connection := client.Start(bin("realserver"), "-call", c.address+":80", "-hold", "-timeout", "20s")
			ask := func() string {
				mark := connection.Mark()
				connection.Send("whoami")
				return connection.WaitFor(mark, `rs[12]`)[0]
			}
			server := ask()
			b.knows(1)
			a.mainstay("failover", c.router)
			b.holds(c.address)
			if got := ask(); got != server {
				t.Errorf("the open connection went from %s to %s", server, got)
			}
			if got := client.Run(bin("realserver"), "-call", c.address+":80", "whoami"); !strings.HasPrefix(got, "rs") {
				t.Errorf("a new connection was answered %q", got)
			}
			a.mainstay("failover", c.router, "--cancel")
			a.holds(c.address)
			if got := ask(); got != server {
				t.Errorf("back, the open connection went from %s to %s", server, got)
			}
		})
	}
}

// holds waits until a director has an address.
func (s *scene) holds(address string) {
	s.Helper()
	lab.Eventually(s, s.director.Name+" holds "+address, func() (bool, string) {
		got := s.director.Run("ip", "-4", "-brief", "address")
		return strings.Contains(got, address+"/32"), got
	})
}
