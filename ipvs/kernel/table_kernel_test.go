//go:build kernel

package kernel_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	moby "github.com/moby/ipvs"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/internal/lab/tablegen"
	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// loadSchedulers loads the scheduler that the lab leaves out, and the one that only
// newer kernels have.
func loadSchedulers(t testing.TB) {
	t.Helper()
	for _, module := range []string{"ip_vs_ovf", "ip_vs_twos"} {
		argv := []string{"modprobe", "-q", module}
		if os.Getenv("MAINSTAY_LAB") == "uml" {
			argv = append(argv, "-d", "/mnt") // where the lab has its modules
		}
		if exec.Command(argv[0], argv[1:]...).Run() == nil {
			t.Cleanup(func() {
				ipvsadm(t, "-C")
				_ = exec.Command("modprobe", append([]string{"-r"}, argv[1:]...)...).Run()
			})
		}
	}
}

// schedulers are those the test kernel has: it says so itself.
func schedulers(t testing.TB, c *kernel.Conn) []string {
	t.Helper()
	var have []string
	for _, name := range ipvs.Schedulers {
		wanted := parse(t, "-A -t 192.0.2.1:80 -s "+name)
		failures, err := c.Apply(ipvs.Plan(read(t, c), wanted))
		if err != nil {
			t.Fatal(err)
		}
		if len(failures) == 0 {
			have = append(have, name)
		}
	}
	if len(have) < 13 {
		t.Fatalf("this kernel has the schedulers %v only", have)
	}
	return have
}

// From any table to any other, plan and apply reach it, the real ipvsadm prints
// the same, and a second plan is empty.
func TestTheKernelReachesAnyTable(t *testing.T) {
	c := open(t)
	loadSchedulers(t)
	have := schedulers(t, c)
	rapid.Check(t, func(rt *rapid.T) {
		wanted := tablegen.Table(have).Draw(rt, "wanted")
		failures, err := c.Apply(ipvs.Plan(read(t, c), wanted))
		if err != nil {
			rt.Fatal(err)
		}
		for _, f := range failures {
			rt.Error(f)
		}
		got := read(t, c)
		if diff := cmp.Diff(wanted.String(), got.String()); diff != "" {
			rt.Fatalf("read back (-want +got):\n%s", diff)
		}
		if again := ipvs.Plan(got, wanted); len(again) != 0 {
			rt.Fatalf("a second plan is not empty: %v", again)
		}
		if diff := cmp.Diff(asIpvsadmSaves(wanted), ipvsadm(t, "-Sn")); diff != "" {
			rt.Fatalf("ipvsadm -Sn (-want +got):\n%s", diff)
		}
	})
}

// What ipvsadm writes, we read: also what Mainstay itself never writes.
func TestReadsWhatIpvsadmWrote(t *testing.T) {
	c := open(t)
	rules := `-A -t 192.0.2.2:80 -s mh -b mh-fallback,mh-port
-a -t 192.0.2.2:80 -r 192.0.2.7:80 -g -w 70000
-a -t 192.0.2.2:80 -r 192.0.2.8:80 -i -w 1 --tun-type ipip
-a -t 192.0.2.2:80 -r 192.0.2.9:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 192.0.2.2:80 -r [2001:db8::7]:80 -i -w 1 --tun-type gre --tun-csum
-A -u 192.0.2.1:53 -s rr -p 10 -M 255.255.255.0 -o
-A --sctp-service 192.0.2.1:80 -s rr
-a --sctp-service 192.0.2.1:80 -r 192.0.2.7:80 -m -w 3 -x 100 -y 50
-A -f 7 -6 -s sh -p 30 -M 48 -b sh-port
`
	for rule := range strings.Lines(rules) {
		ipvsadm(t, strings.Fields(rule)...)
	}
	if diff := cmp.Diff(rules, read(t, c).String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// ipvsadm prints such a mark as -1; the kernel and we hold it right.
func TestTheLargestFirewallMark(t *testing.T) {
	c := open(t)
	wanted := parse(t, "-A -f 4294967295 -s rr\n-a -f 4294967295 -r 192.0.2.7:0 -g -w 1")
	reach(t, c, wanted)
	if got := read(t, c).String(); got != wanted.String() {
		t.Errorf("got\n%swant\n%s", got, wanted)
	}
}

// moby/ipvs, a reader of another origin, finds the same services and servers.
func TestAnotherLibraryReadsTheSame(t *testing.T) {
	c := open(t)
	reach(t, c, parse(t, `-A -t 192.0.2.2:80 -s wrr -p 300 -M 255.255.255.0
-a -t 192.0.2.2:80 -r 192.0.2.7:8080 -m -w 40000 -x 9 -y 3
-a -t 192.0.2.2:80 -r 192.0.2.8:80 -g -w 2`))
	handle, err := moby.New("")
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	services, err := handle.GetServices()
	if err != nil || len(services) != 1 {
		t.Fatalf("services %v, error %v", services, err)
	}
	s := services[0]
	if s.Address.String() != "192.0.2.2" || s.Port != 80 || s.Protocol != 6 || s.SchedName != "wrr" || s.Timeout != 300 {
		t.Errorf("service %+v", s)
	}
	servers, err := handle.GetDestinations(s)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range servers {
		got = append(got, fmt.Sprintf("%s:%d weight %d method %d limits %d %d",
			d.Address, d.Port, d.Weight, d.ConnectionFlags&moby.ConnectionFlagFwdMask, d.UpperThreshold, d.LowerThreshold))
	}
	want := []string{"192.0.2.8:80 weight 2 method 3 limits 0 0", "192.0.2.7:8080 weight 40000 method 0 limits 9 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A change that the kernel refuses is named, and the others are made.
func TestARefusedChangeIsNamedAndTheRestIsMade(t *testing.T) {
	c := open(t)
	failures, err := c.Apply(ipvs.Plan(ipvs.Table{}, parse(t, `-A -t 192.0.2.1:80 -s nonesuch
-A -t 192.0.2.2:80 -s rr
-a -t 192.0.2.2:80 -r 192.0.2.7:80 -m -w 1`)))
	if err != nil {
		t.Fatal(err)
	}
	if len(failures) != 1 || failures[0].Error() != "ipvsadm -A -t 192.0.2.1:80 -s nonesuch: the kernel has no scheduler nonesuch: modprobe ip_vs_nonesuch" {
		t.Errorf("failures %v", failures)
	}
	if got := ipvsadm(t, "-Sn"); got != "-A -t 192.0.2.2:80 -s rr\n-a -t 192.0.2.2:80 -r 192.0.2.7:80 -m -w 1\n" {
		t.Errorf("table:\n%s", got)
	}
}

// A table that changed since it was read is reached all the same.
func TestChangesThatComeTooLateAreTurnedIntoTheRightOnes(t *testing.T) {
	c := open(t)
	const (
		old = "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1\n-a -t 192.0.2.1:80 -r 192.0.2.8:80 -m -w 1\n"
		new = "-A -t 192.0.2.1:80 -s wrr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 5\n-a -t 192.0.2.1:80 -r 192.0.2.9:80 -m -w 1\n"
	)
	for _, found := range []struct{ name, table string }{
		{"all is gone", ""},
		{"only the service is there", "-A -t 192.0.2.1:80 -s rr\n"},
		{"all is done already", new},
		{"as it was read", old},
	} {
		for _, read := range []struct{ name, table string }{{"read as old", old}, {"read as empty", ""}} {
			t.Run(found.name+", "+read.name, func(t *testing.T) {
				ipvsadm(t, "-C")
				reach(t, c, parse(t, found.table))
				failures, err := c.Apply(ipvs.Plan(parse(t, read.table), parse(t, new)))
				if err != nil || len(failures) != 0 {
					t.Fatalf("failures %v, error %v", failures, err)
				}
				got := ipvsadm(t, "-Sn")
				for line := range strings.Lines(new) {
					if !strings.Contains(got, line) {
						t.Errorf("%s is missing in:\n%s", line, got)
					}
				}
			})
		}
	}
}

// Deletes of what is not there are done.
func TestADeleteOfNothingIsDone(t *testing.T) {
	c := open(t)
	web := parse(t, "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1").Services[0]
	failures, err := c.Apply([]ipvs.Change{
		{Op: ipvs.DeleteServer, Service: web.Head(), Server: web.Servers[0]},
		{Op: ipvs.DeleteService, Service: web.Head()},
	})
	if err != nil || len(failures) != 0 {
		t.Errorf("failures %v, error %v", failures, err)
	}
}

// Every refusal of a long list is reported, over many sends.
func TestThousandsOfRefusalsAreAllReported(t *testing.T) {
	c := open(t)
	missing := parse(t, "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1").Services[0]
	changes := make([]ipvs.Change, 5000)
	for i := range changes {
		changes[i] = ipvs.Change{Op: ipvs.AddServer, Service: missing.Head(), Server: missing.Servers[0]}
	}
	failures, err := c.Apply(changes)
	if err != nil || len(failures) != len(changes) {
		t.Fatalf("%d of %d refusals, error %v", len(failures), len(changes), err)
	}
	if !errors.Is(failures[4999], unix.ESRCH) {
		t.Errorf("last: %v", failures[4999])
	}
}

func TestReadServicesReadsOnlyThoseNamedAndThere(t *testing.T) {
	c := open(t)
	table := parse(t, `-A -t 192.0.2.1:80 -s rr
-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1
-A -t 192.0.2.2:80 -s rr
-A -f 7 -s rr`)
	reach(t, c, table)
	missing := ipvs.MarkKey(9, ipvs.IPv4)
	snapshot, err := c.ReadServices([]ipvs.Key{table.Services[2].Key, missing, table.Services[0].Key})
	if err != nil {
		t.Fatal(err)
	}
	want := "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1\n-A -f 7 -s rr\n"
	if got := snapshot.Table.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestInfo(t *testing.T) {
	info, err := open(t).Info()
	if err != nil {
		t.Fatal(err)
	}
	if banner := ipvsadm(t, "-Ln"); !strings.HasPrefix(banner, fmt.Sprintf("IP Virtual Server version %s (size=%d)", info.Version, info.ConnectionSize)) {
		t.Errorf("%+v, but ipvsadm says %s", info, banner)
	}
}

// Without CAP_NET_ADMIN the kernel shows nothing, and the error says what to do.
func TestWithoutPermission(t *testing.T) {
	if os.Getenv("MAINSTAY_TEST_UNPRIVILEGED") != "" {
		c, err := kernel.Open()
		if err == nil {
			_, err = c.Read()
		}
		fmt.Println(err)
		return
	}
	open(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
		self, "-test.run=TestWithoutPermission")
	cmd.Env = append(os.Environ(), "MAINSTAY_TEST_UNPRIVILEGED=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), kernel.ErrPermission.Error()) {
		t.Errorf("error %v, output %s", err, out)
	}
}
