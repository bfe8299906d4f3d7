package pair

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// Director is one host of a pair and what it runs.
type Director struct {
	Member
	Host    *lab.Host
	pair    *Pair
	number  int          // counted from 1
	dir     string       // its files
	process *lab.Process // nil: not started yet
	witness int          // the number of the process that watches the host
}

// String is the director's name and program: "lb-a (keepalived)".
func (d *Director) String() string { return fmt.Sprintf("%s (%s)", d.Host.Name, d.Program) }

// address is the host's own, of the router's family.
func (d *Director) address() string {
	if d.pair.Router.IPv6 {
		return fmt.Sprintf("2001:db8::%d", 10+d.number)
	}
	return fmt.Sprintf("192.0.2.%d", 10+d.number)
}

func (d *Director) peers() []*Director {
	var others []*Director
	for _, o := range d.pair.Directors {
		if o != d {
			others = append(others, o)
		}
	}
	return others
}

// Start starts the director's program and waits until it takes part.
func (d *Director) Start() {
	d.pair.t.Helper()
	switch d.Program {
	case Keepalived:
		d.process = d.keepalived()
	case Mainstay:
		d.process = d.mainstay()
	default:
		d.pair.t.Fatalf("%s: no such program", d)
	}
	d.pair.t.Cleanup(func() { d.signal(syscall.SIGKILL) })
}

// Stop has the program stop, as an operator would, and waits until it has ended.
func (d *Director) Stop() {
	d.pair.t.Helper()
	d.Signal(syscall.SIGTERM)
	d.Ended()
}

// Signal sends a signal to the program: to Mainstay's daemon, to keepalived's parent.
func (d *Director) Signal(s syscall.Signal) {
	d.pair.t.Helper()
	d.process.Signal(s)
}

// Ended waits until the program has ended with status 0.
func (d *Director) Ended() {
	d.pair.t.Helper()
	if err := d.process.Wait(); err != nil {
		d.pair.t.Fatalf("%s: %v\n%s", d, err, d.process.Output())
	}
}

// Crash kills Mainstay's daemon and leaves its mastership process to itself; or the
// whole of keepalived.
func (d *Director) Crash() {
	d.pair.t.Helper()
	if d.Program == Mainstay {
		d.Signal(syscall.SIGKILL)
		return
	}
	d.CrashAll()
}

// CrashAll kills all processes of the program at once, and waits until they are gone.
func (d *Director) CrashAll() {
	d.pair.t.Helper()
	// Stopped first: none sees another die.
	d.signal(syscall.SIGSTOP)
	d.signal(syscall.SIGKILL)
	d.Gone()
}

// Gone waits until the program's processes are gone, however they ended.
func (d *Director) Gone() {
	d.pair.t.Helper()
	_ = d.process.Wait()
}

// signal sends a signal to all processes of the host but the witness.
func (d *Director) signal(s syscall.Signal) {
	d.pair.t.Helper()
	for _, pid := range d.Host.Processes() {
		if pid != d.witness {
			_ = syscall.Kill(pid, s) // it may just have ended
		}
	}
}

// Cable pulls or plugs the host's cable.
func (d *Director) Cable(plugged bool) {
	d.pair.t.Helper()
	d.Host.Cable(Segment, plugged)
}

// Forget removes what Mainstay has saved: the next start is a first one.
func (d *Director) Forget() {
	d.pair.t.Helper()
	if err := os.RemoveAll(d.file("state")); err != nil {
		d.pair.t.Fatalf("%s: %v", d, err)
	}
}

// Output is all that the program printed since its last start.
func (d *Director) Output() string {
	if d.process == nil {
		return ""
	}
	return d.process.Output()
}

// Bin is the path of a program that make build builds.
func Bin(t lab.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("%v", err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	path := filepath.Join(dir, "bin", name)
	// That it is looked at tells `go test` to run anew when it was built anew.
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: make build", err)
	}
	return path
}
