//go:build kernel

package kernel_test

import (
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// syncInterfaces makes two interfaces, of which the first has an address, and stops the
// sync daemons at the end.
func syncInterfaces(t *testing.T, c *kernel.Conn) {
	t.Helper()
	t.Cleanup(func() {
		for _, role := range []kernel.SyncRole{kernel.SyncMaster, kernel.SyncBackup} {
			if err := c.StopSyncDaemon(role); err != nil {
				t.Error(err)
			}
		}
		ip(t, "link delete sync0")
	})
	ip(t, "link add name sync0 type veth peer name sync1")
	ip(t, "address add 192.0.2.1/24 dev sync0")
	ip(t, "link set sync0 up")
	ip(t, "link set sync1 up")
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// shown is what `ipvsadm -Ln --daemon` prints of a daemon, without what Mainstay leaves to
// the kernel.
var shown = regexp.MustCompile(`(?m)^(\w+) sync daemon \(mcast=(\w+), syncid=(\d+), maxlen=\d+, group=224\.0\.0\.81, port=8848, ttl=1\)\n`)

func shownDaemons(t *testing.T) string {
	t.Helper()
	return shown.ReplaceAllString(ipvsadm(t, "-Ln", "--daemon"), "$1 sync daemon on $2 with id $3\n")
}

func daemons(t *testing.T, c *kernel.Conn) string {
	t.Helper()
	list, err := c.SyncDaemons()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// Each step is a call, and what runs then, as we read it and as ipvsadm shows it.
func TestSyncDaemons(t *testing.T) {
	c := open(t)
	syncInterfaces(t, c)
	start := func(role kernel.SyncRole, name string, id uint8) func() error {
		return func() error { return c.StartSyncDaemon(kernel.SyncDaemon{Role: role, Interface: name, ID: id}) }
	}
	stop := func(role kernel.SyncRole) func() error { return func() error { return c.StopSyncDaemon(role) } }
	const (
		master = "master sync daemon on sync0 with id 51\n"
		backup = "backup sync daemon on sync1 with id 0\n"
	)
	steps := []struct {
		name string
		do   func() error
		want string
		runs string
	}{
		{"at first none runs", func() error { return nil }, "", ""},
		{"stop what does not run", stop(kernel.SyncMaster), "", ""},
		{"start the master", start(kernel.SyncMaster, "sync0", 51), "", master},
		{"start it again", start(kernel.SyncMaster, "sync0", 51), "", master},
		{
			"with another id", start(kernel.SyncMaster, "sync0", 52),
			"start the master sync daemon on sync0 with id 52: a master sync daemon on sync0 with id 51 runs already: stop it first, ipvsadm --stop-daemon master (file exists)", master,
		},
		{
			"on another interface", start(kernel.SyncMaster, "sync1", 51),
			"start the master sync daemon on sync1 with id 51: a master sync daemon on sync0 with id 51 runs already: stop it first, ipvsadm --stop-daemon master (file exists)", master,
		},
		{"the other role on an interface without an address, with another id", start(kernel.SyncBackup, "sync1", 0), "", master + backup},
		{"stop the master: the backup stays", stop(kernel.SyncMaster), "", backup},
		{
			"no such interface", start(kernel.SyncMaster, "nowhere", 51),
			"start the master sync daemon on nowhere with id 51: there is no such interface (no such device)", backup,
		},
		{
			"no interface", start(kernel.SyncMaster, "", 51),
			"start the master sync daemon on  with id 51: wants a role, and an interface of 1 to 15 bytes", backup,
		},
		{
			"too long a name", start(kernel.SyncMaster, "sixteen-bytes-16", 51),
			"start the master sync daemon on sixteen-bytes-16 with id 51: wants a role, and an interface of 1 to 15 bytes", backup,
		},
		{
			"no role", start(0, "sync0", 51),
			"start the role 0 sync daemon on sync0 with id 51: wants a role, and an interface of 1 to 15 bytes", backup,
		},
		{"the largest id", start(kernel.SyncMaster, "sync0", 255), "", "master sync daemon on sync0 with id 255\n" + backup},
		{"stop the backup", stop(kernel.SyncBackup), "", "master sync daemon on sync0 with id 255\n"},
		{"stop the master", stop(kernel.SyncMaster), "", ""},
	}
	for _, step := range steps {
		got := ""
		if err := step.do(); err != nil {
			got = err.Error()
		}
		if got != step.want {
			t.Errorf("%s:\n got %s\nwant %s", step.name, got, step.want)
		}
		if runs := daemons(t, c); runs != step.runs {
			t.Errorf("%s: we read %q", step.name, runs)
		}
		if runs := shownDaemons(t); runs != step.runs {
			t.Errorf("%s: ipvsadm shows %q", step.name, runs)
		}
	}
}

// What ipvsadm started is read, and started already.
func TestSyncDaemonsOfIpvsadm(t *testing.T) {
	c := open(t)
	syncInterfaces(t, c)
	ipvsadm(t, "--start-daemon", "backup", "--mcast-interface", "sync0", "--syncid", "51")
	d := kernel.SyncDaemon{Role: kernel.SyncBackup, Interface: "sync0", ID: 51}
	if list, err := c.SyncDaemons(); err != nil || !slices.Equal(list, []kernel.SyncDaemon{d}) {
		t.Errorf("%v, error %v", list, err)
	}
	if err := c.StartSyncDaemon(d); err != nil {
		t.Error(err)
	}
}

// Servers of the other family exclude connection sync, and the error says so.
func TestSyncDaemonAndServersOfTheOtherFamily(t *testing.T) {
	c := open(t)
	syncInterfaces(t, c)
	mixed := parse(t, "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r [2001:db8::7]:80 -i -w 1")
	reach(t, c, mixed)
	d := kernel.SyncDaemon{Role: kernel.SyncMaster, Interface: "sync0", ID: 51}
	err := c.StartSyncDaemon(d)
	if want := "start the master sync daemon on sync0 with id 51: the kernel does not sync connections while a virtual service has real servers of the other family (invalid argument)"; !errors.Is(err, unix.EINVAL) || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	ipvsadm(t, "-C")
	if err := c.StartSyncDaemon(d); err != nil {
		t.Error(err)
	}
}

// A daemon that is stopped as soon as it was started, before it has come to run, ends like
// any other.
func TestSyncDaemonsThatNeverRan(t *testing.T) {
	c := open(t)
	syncInterfaces(t, c)
	for _, role := range []kernel.SyncRole{kernel.SyncMaster, kernel.SyncBackup} {
		for range 20 {
			if err := c.StartSyncDaemon(kernel.SyncDaemon{Role: role, Interface: "sync0", ID: 51}); err != nil {
				t.Fatal(err)
			}
			if err := c.StopSyncDaemon(role); err != nil {
				t.Fatal(err)
			}
			if runs := daemons(t, c); runs != "" {
				t.Fatalf("still there: %s", runs)
			}
		}
	}
}
