package relays

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// secret is what all keys are derived from.
const secret = "a secret of the relays' scenes"

// The addresses of a scene. The servers' addresses are all in one host, which is on the rack's
// network with the relays; the director is on another with them.
const (
	directorIP = "198.51.100.1"
	relayA     = "192.0.2.2"
	relayB     = "192.0.2.3"
	relayAOut  = "198.51.100.2"
	relayBOut  = "198.51.100.3"
	rackIP     = "192.0.2.10"
	network    = "198.18.0.0"
	port       = ":9652"
)

// server is the address of a server by its number, as the fleet gives them.
func server(n int) string {
	return netip.AddrFrom4([4]byte{198, 18, byte(n / 250), byte(n%250 + 1)}).String() + ":7000"
}

// scene is a director, two hosts for relays, and one with all real servers.
type scene struct {
	*testing.T
	lab      *lab.Lab
	director *lab.Host
	rack     *lab.Host
	relays   map[string]*lab.Host // by address on the rack's network
	dir      string
	servers  int
	daemon   *lab.Process
}

func bin(name string) string {
	path, err := filepath.Abs("../../../bin/" + name)
	if err != nil {
		panic(err)
	}
	return path
}

// newScene sets the hosts up, and starts nothing.
func newScene(t *testing.T, servers int) *scene {
	t.Helper()
	t.Parallel()
	l := lab.New(t)
	s := &scene{
		T: t, lab: l, dir: t.TempDir(), servers: servers,
		director: l.Host("director").Join("core", directorIP+"/24"),
		rack:     l.Host("rack").Join("rack", rackIP+"/24"),
		relays: map[string]*lab.Host{
			relayA: l.Host("a").Join("rack", relayA+"/24").Join("core", relayAOut+"/24"),
			relayB: l.Host("b").Join("rack", relayB+"/24").Join("core", relayBOut+"/24"),
		},
	}
	s.rack.Run("ip", "route", "add", "local", network+"/16", "dev", "lo")
	s.write("fleet.key", secret)
	return s
}

// routed gives the director a way to the servers themselves: through the host of a relay.
func (s *scene) routed() *scene {
	s.relays[relayA].Sysctl("net.ipv4.ip_forward", "1").Route(network + "/16 via " + rackIP)
	s.rack.Route("198.51.100.0/24 via " + relayA)
	s.director.Route(network + "/16 via " + relayAOut)
	return s
}

func (s *scene) file(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// relay starts a relay at an address of the rack's network, which sends to the director or
// to what stands in its way.
func (s *scene) relay(address, director string) *lab.Process {
	s.Helper()
	id := map[string]string{relayA: "rack7", relayB: "rack8"}[address]
	s.write(id+".key", wire.FormatKey(wire.DeriveKey([]byte(secret), id))+"\n")
	s.write(id+".yaml", fmt.Sprintf(`
secrets: {%[1]s: {file: %[2]s}}
relay: {id: %[1]s, secret: %[1]s, listen: "%[3]s", directors: ["%[4]s"]}
`, id, s.file(id+".key"), address+port, director))
	p := s.relays[address].Start(bin("mainstay"), "relay", "--config", s.file(id+".yaml"))
	p.WaitFor(0, "relay")
	return p
}

// serve starts servers from a number on, whose heartbeats go to addresses.
func (s *scene) serve(from, count int, to ...string) *lab.Process {
	s.Helper()
	p := s.rack.Start(bin("fleet"), "serve", "-network", network, "-from", strconv.Itoa(from), "-count", strconv.Itoa(count),
		"-secret-file", s.file("fleet.key"), "-heartbeat-to", strings.Join(to, ","))
	p.WaitFor(0, "ready")
	return p
}

// direct starts the director's daemon, the program given, with what its heartbeats are
// checked by.
func (s *scene) direct(program, heartbeat string, flags ...string) {
	s.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `
director: {name: lb-a, control_socket: %[1]s/control.sock, state_dir: %[1]s/state, heartbeat_listen: "%[2]s"}
secrets: {fleet: {file: %[1]s/fleet.key}}
checks:
  pulse: {heartbeat: {service: fleet, secret: fleet%[3]s}}
virtual_services:
  - {name: fleet, address: "203.0.113.1:7000/tcp", forward: nat, checks: [pulse], real_servers: [
`, s.dir, directorIP+port, heartbeat)
	for n := range s.servers {
		fmt.Fprintf(&b, "      %q,\n", server(n))
	}
	b.WriteString("    ]}\n")
	s.write("mainstay.yaml", b.String())
	s.daemon = s.director.Start(bin(program), append([]string{"run", "--config", s.file("mainstay.yaml")}, flags...)...)
	s.daemon.WaitFor(0, "msg=started")
}

// withFallback has the director ask servers itself.
const withFallback = ", fallback: {monitor: {port: 9651, service: fleet, secret: fleet}}"

// status is what the director says.
func (s *scene) status() control.Status {
	s.Helper()
	var status control.Status
	text := s.director.Run(bin("mainstay"), "status", "--json", "--socket", s.file("control.sock"))
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		s.Fatal(err)
	}
	return status
}

// states counts the servers by state, and has their reasons by address where they are not up.
func states(status control.Status) (by map[string]int, not map[string]string) {
	by, not = make(map[string]int), make(map[string]string)
	for _, v := range status.VirtualServices {
		for _, r := range v.RealServers {
			by[r.State]++
			if r.State != "up" {
				not[r.Address] = r.Why
			}
		}
	}
	return by, not
}

// settles waits until all servers are up but those that are down, which it names.
func (s *scene) settles(down ...string) {
	s.Helper()
	lab.Eventually(s, fmt.Sprintf("all are up but %v", down), func() (bool, string) {
		status := s.status()
		by, not := states(status)
		ok := by["up"] == s.servers-len(down) && len(not) == len(down)
		for _, d := range down {
			ok = ok && strings.HasPrefix(not[d], "down")
		}
		some := fmt.Sprint(not)
		return ok, fmt.Sprintf("%v %.500s %+v", by, some, status.Heartbeats)
	})
}

// relayState is what the director says of a relay.
func relayState(status control.Status, id string) control.Relay {
	if status.Heartbeats != nil {
		for _, r := range status.Heartbeats.Relays {
			if r.ID == id {
				return r
			}
		}
	}
	return control.Relay{}
}

// downs are the servers that the director's log says have gone, since a mark.
func (s *scene) downs(mark int) []string {
	var gone []string
	for line := range strings.Lines(s.daemon.Output()[mark:]) {
		if strings.Contains(line, `msg="real server `) && !strings.Contains(line, `msg="real server up`) {
			gone = append(gone, strings.TrimSpace(line))
		}
	}
	return gone
}

// nobodyLeft fails the test if a server has gone since a mark.
func (s *scene) nobodyLeft(mark int) {
	s.Helper()
	if gone := s.downs(mark); len(gone) > 0 {
		s.Errorf("%d servers went, such as %s", len(gone), gone[0])
	}
}

// roundsOf waits until a relay has brought so many complete rounds more.
func (s *scene) roundsOf(id string, more uint64) {
	s.Helper()
	from := relayState(s.status(), id).Round
	lab.Eventually(s, fmt.Sprintf("%d rounds more of %s", more, id), func() (bool, string) {
		r := relayState(s.status(), id)
		return r.Live && r.Round >= from+more, fmt.Sprintf("%+v, from %d", r, from)
	})
}

// since is how long ago something was, for a log.
func since(t time.Time) string { return time.Since(t).Round(time.Millisecond).String() }
