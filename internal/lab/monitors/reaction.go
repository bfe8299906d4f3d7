package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

// reaction is one row: what happens to a server, how it is checked, and what is waited for.
type reaction struct {
	event    string        // kill, stop, stuck
	mode     string        // watch, poll
	interval time.Duration // of the check, with the other defaults: fall 3, and a timeout of 500ms or the interval
	table    bool          // until it is out of the kernel's table, rather than decided
}

func (r reaction) name() string {
	until := "decided"
	if r.table {
		until = "table"
	}
	return fmt.Sprintf("%s/%s/%s/%s", r.event, r.mode, r.interval, until)
}

// stuckAfter is the limit of the real server's workers.
const stuckAfter = 500 * time.Millisecond

var decidedRows = []reaction{
	{"kill", "watch", time.Second, false},
	{"kill", "poll", time.Second, false},
	{"stop", "watch", 500 * time.Millisecond, false},
	{"stop", "poll", 500 * time.Millisecond, false},
	{"stuck", "watch", 500 * time.Millisecond, false},
	{"stuck", "poll", 500 * time.Millisecond, false},
}

var tableRows = []reaction{
	{"kill", "watch", time.Second, true},
	{"kill", "poll", time.Second, true},
}

const (
	victim     = "127.0.0.21"
	bystander  = "127.0.0.22"
	benchPort  = ":7000"
	virtualIP  = "203.0.113.1:7000"
	serviceKey = virtualIP + "/tcp"
)

// reactions measures rows, one after the other.
func reactions(t lab.T, o options, rows []reaction) {
	for _, r := range rows {
		if o.rows.MatchString(r.name()) {
			printReaction(r, measureReaction(t, o, r))
		}
	}
}

// measureReaction has the event happen to a server again and again, and measures how long
// it takes to be noticed.
func measureReaction(t lab.T, o options, r reaction) []time.Duration {
	dir, err := os.MkdirTemp("", "monitors")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	host := lab.New(t).Host("bench")
	serve := func(address string) *lab.Process {
		p := host.Start(pair.Bin(t, "realserver"), "-listen", address+benchPort, "-monitor", address+":9651",
			"-service", "bench", "-stuck-after", stuckAfter.String(), "-leave", "0", "-grace", "0")
		p.WaitFor(0, "listening")
		return p
	}
	serve(bystander)
	file := filepath.Join(dir, "mainstay.yaml")
	timeout := min(r.interval, 500*time.Millisecond)
	write(t, file, fmt.Sprintf(`
director: {name: bench, control_socket: %[1]s/control.sock, state_dir: %[1]s/state}
checks:
  bench: {monitor: {port: 9651, service: bench, mode: %s}, interval: %s, timeout: %s}
virtual_services:
  - name: bench
    address: %s
    forward: nat
    checks: [bench]
    real_servers: ["%s%s", "%s%s"]
`, dir, r.mode, r.interval, timeout, serviceKey, victim, benchPort, bystander, benchPort))

	seen := make(chan sight, 1024)
	args := []string{"run", "--config", file}
	if !r.table {
		args = append(args, "--observe")
	}
	daemon := host.Follow(func(line string) {
		if !r.table {
			tell(seen, line)
		}
	}, pair.Bin(t, "mainstay"), args...)
	if r.table {
		host.Follow(func(line string) { tellTable(seen, line) }, pair.Bin(t, "monitors"), "-see", serviceKey+"/"+victim+benchPort)
	}
	daemon.WaitFor(0, "msg=\"ready|msg=ready")

	var took []time.Duration
	for range o.runs {
		p := serve(victim)
		await(t, seen, true)
		time.Sleep(r.interval + r.interval*time.Duration(len(took)%7)/7) // the events are spread over the interval
		for len(seen) > 0 {
			<-seen
		}
		happened := time.Now()
		switch r.event {
		case "kill":
			p.Signal(syscall.SIGKILL)
		case "stop":
			p.Signal(syscall.SIGSTOP)
		case "stuck":
			p.Signal(syscall.SIGUSR1)
		}
		took = append(took, await(t, seen, false).Sub(happened))
		if r.event != "kill" {
			p.Kill()
		}
		_ = p.Wait()
	}
	daemon.Stop()
	return took
}

// sight is that the victim was seen to be in, or to go.
type sight struct {
	in bool
	at time.Time
}

// tell reads a line of the daemon's log.
func tell(seen chan<- sight, line string) {
	if strings.Contains(line, "real_server="+victim+benchPort) {
		seen <- sight{strings.Contains(line, `msg="real server up`), time.Now()}
	}
}

// await waits until the victim is seen so.
func await(t lab.T, seen <-chan sight, in bool) time.Time {
	patience := time.NewTimer(lab.Patience)
	defer patience.Stop()
	for {
		select {
		case s := <-seen:
			if s.in == in {
				return s.at
			}
		case <-patience.C:
			t.Fatalf("the server is not seen: in the table %v", in)
		}
	}
}

func write(t lab.T, file, text string) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
}
