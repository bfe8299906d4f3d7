package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// way is one way to know of many servers.
type way struct {
	name   string
	check  string // its kind, as the file has it
	pushed bool   // by heartbeats
	relays int    // that they come through
}

func (w way) row() string { return "cost/" + w.name }

var ways = []way{
	{name: "tcp", check: "tcp: {port: 9651}"},
	{name: "poll", check: "monitor: {port: 9651, service: fleet, secret: fleet, mode: poll}"},
	{name: "watch", check: "monitor: {port: 9651, service: fleet, secret: fleet, mode: watch}"},
	{name: "heartbeat", check: "heartbeat: {service: fleet, secret: fleet}", pushed: true},
	{name: "relay", check: "heartbeat: {service: fleet, secret: fleet}", pushed: true, relays: 2},
}

// The addresses of a bench: all are on the loopback interface of one host.
const (
	fleetNetwork  = "127.100.0.0"
	directorInput = "127.0.0.11:9652"
	fleets        = 4   // processes that the servers are spread over
	perService    = 100 // servers of one virtual service
	rounds        = 2   // times that each way has its turn
)

func relayAddress(n int) string { return fmt.Sprintf("127.0.0.%d:9652", 31+n) }

// cost is what a director needed.
type cost struct {
	cpu      []float64 // of one processor, in milliseconds a second, by window
	resident int       // MiB, at the end
	peak     int       // MiB
	sockets  int
}

// costs measures every way in turns, so that a change of the machine's mood hits all.
func costs(t lab.T, o options) {
	sum := make(map[string]*cost)
	for range rounds {
		for _, w := range ways {
			if !o.rows.MatchString(w.row()) {
				continue
			}
			c := measureCost(t, o, w)
			if s := sum[w.name]; s != nil {
				s.cpu = append(s.cpu, c.cpu...)
				s.resident, s.peak = max(s.resident, c.resident), max(s.peak, c.peak)
			} else {
				sum[w.name] = c
			}
		}
	}
	for _, w := range ways {
		if c := sum[w.name]; c != nil {
			printCost(o, w, c)
		}
	}
}

// measureCost starts servers and a director, and measures it when it knows them all.
func measureCost(t lab.T, o options, w way) *cost {
	var c *cost
	if err := pair.Play(func(t lab.T) { c = measureAlone(t, o, w) }); err != nil {
		t.Fatalf("%s: %v", w.row(), err)
	}
	return c
}

func measureAlone(t lab.T, o options, w way) *cost {
	dir, err := os.MkdirTemp("", "monitors")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	host := lab.New(t).Host("bench")
	secret := []byte("a secret for the bench of monitors")
	write(t, filepath.Join(dir, "fleet.key"), string(secret))
	to := directorInput
	for n := range w.relays {
		startRelay(t, host, dir, n, secret)
		if n == 0 {
			to = relayAddress(n)
		} else {
			to += "," + relayAddress(n)
		}
	}
	startFleets(t, host, o, dir, w, to)
	file := filepath.Join(dir, "mainstay.yaml")
	write(t, file, costFile(o, w, dir))
	up := make(chan struct{}, o.servers)
	daemon := host.Follow(func(line string) {
		if strings.Contains(line, `msg="real server up`) {
			select {
			case up <- struct{}{}:
			default:
			}
		}
	}, pair.Bin(t, "mainstay"), "run", "--observe", "--config", file)
	for range o.servers {
		select {
		case <-up:
		case <-time.After(lab.Patience):
			t.Fatalf("%s: not all servers are up after %s", w.row(), lab.Patience)
		}
	}
	time.Sleep(2 * o.window) // it has its memory's garbage of the start behind it

	c := &cost{}
	for range (o.runs + rounds - 1) / rounds {
		from, began := cpuTime(t, daemon.PID()), time.Now()
		time.Sleep(o.window)
		c.cpu = append(c.cpu, float64(cpuTime(t, daemon.PID())-from)/float64(time.Since(began))*1000)
	}
	c.resident, c.peak = memory(t, daemon.PID(), "VmRSS"), memory(t, daemon.PID(), "VmHWM")
	if fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", daemon.PID())); err == nil {
		c.sockets = len(fds)
	}
	return c
}

// startRelay starts a relay of its own process.
func startRelay(t lab.T, host *lab.Host, dir string, n int, secret []byte) {
	id := fmt.Sprintf("relay%d", n)
	key := filepath.Join(dir, id+".key")
	write(t, key, wire.FormatKey(wire.DeriveKey(secret, id)))
	file := filepath.Join(dir, id+".yaml")
	write(t, file, fmt.Sprintf(`
secrets: {%[1]s: {file: %[2]s}}
relay: {id: %[1]s, secret: %[1]s, listen: "%[3]s", directors: ["%[4]s"]}
`, id, key, relayAddress(n), directorInput))
	host.Start(pair.Bin(t, "mainstay"), "relay", "--config", file).WaitFor(0, "relay")
}

// startFleets starts the servers.
func startFleets(t lab.T, host *lab.Host, o options, dir string, w way, to string) {
	var started []*lab.Process
	for n := range fleets {
		from := o.servers * n / fleets
		args := []string{
			"serve", "-network", fleetNetwork, "-from", strconv.Itoa(from), "-count", strconv.Itoa(max(1, o.servers*(n+1)/fleets-from)),
			"-secret-file", filepath.Join(dir, "fleet.key"),
		}
		if w.pushed {
			args = append(args, "-heartbeat-to", to)
		}
		started = append(started, host.Start(pair.Bin(t, "fleet"), args...))
	}
	for _, p := range started {
		p.WaitFor(0, "ready")
	}
}

// costFile is the director's file.
func costFile(o options, w way, dir string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `
director: {name: bench, control_socket: %[1]s/control.sock, state_dir: %[1]s/state, heartbeat_listen: "%[2]s"}
secrets: {fleet: {file: %[1]s/fleet.key}}
checks:
  bench: {%[3]s}
virtual_services:
`, dir, directorInput, w.check)
	first := netip.MustParseAddr(fleetNetwork).As4()
	for i := range o.servers {
		if i%perService == 0 {
			fmt.Fprintf(&b, "  - {name: s%[1]d, address: \"203.0.113.1:%[2]d/tcp\", forward: nat, checks: [bench], real_servers: [\n", i/perService, 1000+i/perService)
		}
		first[2], first[3] = byte(i/250), byte(i%250+1)
		fmt.Fprintf(&b, "      %s:7000,\n", netip.AddrFrom4(first))
		if i%perService == perService-1 || i == o.servers-1 {
			b.WriteString("    ]}\n")
		}
	}
	return b.String()
}

// cpuTime is the processor time of a process so far.
func cpuTime(t lab.T, pid int) time.Duration {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d: no /proc/PID/task/*/schedstat", pid)
	}
	var sum time.Duration
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread is gone
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// memory is what /proc/PID/status says, in MiB.
func memory(t lab.T, pid int, field string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatalf("%v", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kib / 1024
		}
	}
	return 0
}
