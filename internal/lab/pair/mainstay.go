package pair

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// mainstay starts the daemon on a director and waits until it is ready.
func (d *Director) mainstay() *lab.Process {
	d.pair.t.Helper()
	d.write("mainstay.yaml", d.mainstayConfig())
	p := d.Host.Start(d.binary(), "run", "--config", d.file("mainstay.yaml"))
	p.WaitFor(0, `ready`)
	return p
}

func (d *Director) binary() string {
	if d.Binary != "" {
		return Bin(d.pair.t, d.Binary)
	}
	return Bin(d.pair.t, "mainstay")
}

func (d *Director) mainstayConfig() string {
	r := d.pair.Router
	var addresses, peers []string
	for _, a := range r.Addresses() {
		addresses = append(addresses, `"`+a.String()+`"`)
	}
	for _, peer := range d.peers() {
		peers = append(peers, `"`+peer.address()+`"`)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `%svirtual_routers:
  - name: %s
    interface: %s
    vrid: %d
    version: %d
    priority: %d
    advert_interval: %s
    preempt: %t
    addresses: [%s]
`, d.directorSection(d.Host.Name), Name, Segment, VRID, r.Version, d.Priority, r.Interval, !d.NoPreempt, strings.Join(addresses, ", "))
	if r.Unicast {
		fmt.Fprintf(&b, "    unicast: {source: %q, peers: [%s]}\n", d.address(), strings.Join(peers, ", "))
	}
	return b.String() + d.More
}

func (d *Director) directorSection(name string) string {
	section := fmt.Sprintf("director:\n  name: %s\n  control_socket: %s\n  state_dir: %s\n", name, d.file("control.sock"), d.file("state"))
	if d.User != "" {
		section += "  command_user: " + d.User + "\n"
	}
	return section
}

// Observe starts a Mainstay that only observes on the host of a director that runs
// keepalived, and waits until it is ready. The sections are those of its file besides
// the director's.
func (d *Director) Observe(sections string) {
	d.pair.t.Helper()
	d.write("mainstay.yaml", d.directorSection(d.Host.Name)+sections)
	d.Host.Start(d.binary(), "run", "--observe", "--config", d.file("mainstay.yaml")).WaitFor(0, `ready`)
}

// Poison has the running daemon, which must be the build mainstay-lab, read a file that
// ends it, as any input might that is fatal to every director that it reaches.
func (d *Director) Poison() {
	d.pair.t.Helper()
	d.write("mainstay.yaml", strings.Replace(d.mainstayConfig(), d.directorSection(d.Host.Name), d.directorSection("poison"), 1))
	d.Signal(syscall.SIGHUP)
}

// Ask runs one of Mainstay's commands against the running daemon, to its end, and
// returns its exit status and all that it printed.
func (d *Director) Ask(args ...string) (status int, said string) {
	d.pair.t.Helper()
	out, err := d.Host.Command(d.binary(), append(args, "--socket", d.file("control.sock"))...).CombinedOutput()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		d.pair.t.Fatalf("%s: mainstay %s: %v\n%s", d.Host.Name, strings.Join(args, " "), err, out)
	}
	return 0, string(out)
}
