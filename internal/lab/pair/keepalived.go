package pair

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// keepalived starts Debian's keepalived on a director. All of its files are in the
// director's folder, so that it knows nothing of others on this machine.
func (d *Director) keepalived() *lab.Process {
	d.pair.t.Helper()
	d.write("keepalived.conf", d.keepalivedConfig())
	args := []string{"--dont-fork", "--vrrp", "--log-console", "--log-detail", "--no-syslog", "--use-file=" + d.file("keepalived.conf")}
	for flag, name := range map[string]string{"--pid": "keepalived.pid", "--vrrp_pid": "vrrp.pid", "--checkers_pid": "checkers.pid"} {
		_ = os.Remove(d.file(name)) // of one that was killed
		args = append(args, flag+"="+d.file(name))
	}
	p := d.Host.Start("keepalived", args...)
	p.WaitFor(0, `Startup complete`)
	return p
}

func (d *Director) keepalivedConfig() string {
	r := d.pair.Router
	var b strings.Builder
	// It recommends max_auto_priority itself: real-time priority once it was late.
	fmt.Fprintf(&b, "global_defs {\n  vrrp_version %d\n  max_auto_priority 99\n%s}\n", r.Version, d.More)
	fmt.Fprintf(&b, "vrrp_instance %s {\n  state BACKUP\n  interface %s\n  virtual_router_id %d\n  priority %d\n  advert_int %g\n",
		Name, Segment, VRID, d.Priority, r.Interval.Seconds())
	if d.NoPreempt {
		b.WriteString("  nopreempt\n")
	}
	if r.Unicast {
		fmt.Fprintf(&b, "  unicast_src_ip %s\n  unicast_peer {\n", d.address())
		for _, peer := range d.peers() {
			fmt.Fprintf(&b, "    %s\n", peer.address())
		}
		b.WriteString("  }\n")
	}
	b.WriteString("  virtual_ipaddress {\n")
	for _, a := range r.Addresses() {
		fmt.Fprintf(&b, "    %s dev %s\n", a, Segment)
	}
	b.WriteString("  }\n}\n")
	return b.String()
}

// write writes a file into the director's folder.
func (d *Director) write(name, text string) {
	d.pair.t.Helper()
	if err := os.WriteFile(d.file(name), []byte(text), 0o600); err != nil {
		d.pair.t.Fatalf("%s: %v", d.Host.Name, err)
	}
}

func (d *Director) file(name string) string { return filepath.Join(d.dir, name) }
