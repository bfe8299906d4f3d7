//go:build kernel

package scenes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// TestMain refuses to play on a kernel that was not made for it.
func TestMain(m *testing.M) {
	if way := os.Getenv(hostileVariable); way != "" {
		beHostile(way)
	}
	if order := os.Getenv(datagramsVariable); order != "" {
		beDatagrams(order)
	}
	if os.Getenv("MAINSTAY_LAB") == "" {
		fmt.Fprintln(os.Stderr, "these tests want a kernel of their own: run them with make test-kernel")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// The addresses of a scene. The client is on the front network, the real servers on
// the back one; the director is on both, and is the servers' router.
const (
	clientAddress = "198.51.100.10"
	virtual       = "198.51.100.100:7000"
	server1       = "192.0.2.21:7000"
	server2       = "192.0.2.22:7000"
	server3       = "192.0.2.23:7000"
)

// scene is one director, its real servers and a client.
type scene struct {
	*testing.T
	lab      *lab.Lab
	director *lab.Host
	client   *lab.Host
	hosts    map[string]*lab.Host    // of real servers, by address
	programs map[string]*lab.Process // running on them
	daemon   *lab.Process
	dir      string // the director's files
}

// bin is a program that the build made.
func bin(name string) string {
	path, err := filepath.Abs("../../../bin/" + name)
	if err != nil {
		panic(err)
	}
	return path
}

// newScene sets the hosts up, with a realserver on each of the addresses.
func newScene(t *testing.T, servers ...string) *scene {
	t.Helper()
	l := lab.New(t)
	s := &scene{
		T: t, lab: l, dir: t.TempDir(),
		hosts: make(map[string]*lab.Host), programs: make(map[string]*lab.Process),
		director: l.Host("director").Join("front", "198.51.100.1/24", "2001:db8:1::1/64").
			Join("back", "192.0.2.1/24", "2001:db8:2::1/64").
			Address("198.51.100.100/32", "front").Address("2001:db8:1::100/128", "front").
			Sysctl("net.ipv4.ip_forward", "1").Sysctl("net.ipv6.conf.all.forwarding", "1").
			Sysctl("net.ipv4.vs.expire_nodest_conn", "1"),
		client: l.Host("client").Join("front", clientAddress+"/24", "2001:db8:1::10/64"),
	}
	for i, address := range servers {
		n := i + 1
		s.hosts[address] = l.Host(fmt.Sprintf("rs%d", n)).
			Join("back", fmt.Sprintf("192.0.2.2%d/24", n), fmt.Sprintf("2001:db8:2::2%d/64", n)).
			Route("default via 192.0.2.1").Route("default via 2001:db8:2::1")
		s.serve(address)
	}
	return s
}

// name is what the real server at an address answers to whoami.
func (s *scene) name(address string) string { return s.hosts[address].Name }

// serve starts the real server's program.
func (s *scene) serve(address string, flags ...string) *lab.Process {
	s.Helper()
	args := append([]string{"-name", s.name(address), "-service", "demo", "-stuck-after", "500ms", "-leave", "100ms"}, flags...)
	p := s.hosts[address].Start(bin("realserver"), args...)
	p.WaitFor(0, `listening address=`)
	s.programs[address] = p
	return p
}

// config writes the director's file. In the text, {{dir}} is the scene's folder.
func (s *scene) config(text string) {
	s.Helper()
	t := template.Must(template.New("config").Funcs(template.FuncMap{"dir": func() string { return s.dir }}).Parse(`
director:
  name: lb-a
  control_socket: {{dir}}/control.sock
  state_dir: {{dir}}/state
  audit_interval: 1s
` + text))
	file, err := os.Create(s.file("mainstay.yaml"))
	if err != nil {
		s.Fatal(err)
	}
	if err := t.Execute(file, nil); err != nil {
		s.Fatal(err)
	}
	if err := file.Close(); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) file(name string) string { return filepath.Join(s.dir, name) }

// demo is a file with a virtual service for the real servers, checked by their
// monitors as fast as a test wants it; more keys of the service can be given.
func demo(servers []string, more string) string {
	return `
checks:
  demo:
    monitor: {port: 9651, service: demo}
    interval: 200ms
    timeout: 200ms
virtual_services:
  - name: demo
    address: ` + virtual + `/tcp
    scheduler: rr
    forward: nat
    checks: [demo]
    real_servers: [` + strings.Join(servers, ", ") + "]\n" + more
}

// start starts the daemon and waits until it is ready.
func (s *scene) start(flags ...string) {
	s.Helper()
	s.daemon = s.director.Start(bin("mainstay"), append([]string{"run", "--config", s.file("mainstay.yaml")}, flags...)...)
	s.daemon.WaitFor(0, `ready`)
}

// mainstay runs a command against the running daemon, which must succeed.
func (s *scene) mainstay(args ...string) string {
	s.Helper()
	return s.director.Run(bin("mainstay"), append(args, "--socket", s.file("control.sock"))...)
}

// fails runs a command that must fail with a status, and returns what it said.
func (s *scene) fails(status int, args ...string) string {
	s.Helper()
	out, err := s.director.Command(bin("mainstay"), args...).CombinedOutput()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("exit status %d", status)) {
		s.Fatalf("mainstay %s: %v, want exit status %d\n%s", strings.Join(args, " "), err, status, out)
	}
	return string(out)
}

// table is the director's table as ipvsadm saves it.
func (s *scene) table() string {
	s.Helper()
	return s.director.Run("ipvsadm", "-Sn")
}

// wants waits until the table is as wanted.
func (s *scene) wants(want string) {
	s.Helper()
	want = strings.TrimLeft(strings.ReplaceAll(want, "\t", ""), "\n")
	lab.Eventually(s, "the table becomes\n"+want, func() (bool, string) {
		got := s.table()
		return got == want, got
	})
}

// demoTable is the demo service's table with these servers and weights.
func demoTable(servers ...string) string {
	return tableOf("rr", servers...)
}

func tableOf(scheduler string, servers ...string) string {
	text := "-A -t " + virtual + " -s " + scheduler + "\n"
	for _, server := range servers {
		address, weight, found := strings.Cut(server, " ")
		if !found {
			weight = "1"
		}
		text += "-a -t " + virtual + " -r " + address + " -m -w " + weight + "\n"
	}
	return text
}

// call asks the virtual service once, from the client, and returns the answer.
func (s *scene) call(request ...string) string {
	s.Helper()
	return strings.TrimSpace(s.client.Run(bin("realserver"), append([]string{"-call", virtual}, request...)...))
}

// tell sends a request to a real server itself, from the director.
func (s *scene) tell(address string, request ...string) string {
	s.Helper()
	return strings.TrimSpace(s.director.Run(bin("realserver"), append([]string{"-call", address}, request...)...))
}

// answers asks the virtual service n times and counts who answered.
func (s *scene) answers(n int) map[string]int {
	s.Helper()
	out := s.client.Run(bin("realserver"), "-call", virtual, "-count", fmt.Sprint(n), "-every", "1ms", "whoami")
	counts := make(map[string]int)
	for name := range strings.Lines(out) {
		counts[strings.TrimSpace(name)]++
	}
	return counts
}

// status is the daemon's picture of the demo service's server.
func (s *scene) server(address string) (out struct {
	State string
	Why   string
},
) {
	s.Helper()
	var status struct {
		VirtualServices []struct {
			RealServers []struct{ Address, State, Why string } `json:"real_servers"`
		} `json:"virtual_services"`
	}
	if err := json.Unmarshal([]byte(s.mainstay("status", "--json")), &status); err != nil {
		s.Fatal(err)
	}
	for _, service := range status.VirtualServices {
		for _, server := range service.RealServers {
			if server.Address == address {
				out.State, out.Why = server.State, server.Why
			}
		}
	}
	return out
}

// becomes waits until a server is in a state, for a reason that matches.
func (s *scene) becomes(address, state, why string) {
	s.Helper()
	re := regexp.MustCompile(why)
	lab.Eventually(s, address+" becomes "+state+" because of "+why, func() (bool, string) {
		got := s.server(address)
		return got.State == state && re.MatchString(got.Why), fmt.Sprintf("%+v", got)
	})
}
