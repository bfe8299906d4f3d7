package daemon

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/internal/config"
)

func TestSysctlsThatDoNotFit(t *testing.T) {
	all := func(value string) func(string) string { return func(string) string { return value } }
	for _, c := range []struct {
		name string
		file *config.Config
		read func(string) string
		want []string
	}{
		{"all is well", web(t, "192.0.2.21"), all("1"), nil},
		{"the kernel has none of them", web(t, "192.0.2.21"), all(""), nil},
		{"nothing is set", web(t, "192.0.2.21"), all("0"), []string{
			"sysctl net.ipv4.ip_forward is 0: answers of real servers with forward: nat do not reach clients (want 1)",
			"sysctl net.ipv4.vs.expire_nodest_conn is 0: open connections to a server that left the table hang until they time out (want 1)",
		}},
		{"with persistence", web(t, "192.0.2.21", "    persistence: {timeout: 60s}\n"), all("0"), []string{
			"sysctl net.ipv4.ip_forward is 0: answers of real servers with forward: nat do not reach clients (want 1)",
			"sysctl net.ipv4.vs.expire_nodest_conn is 0: open connections to a server that left the table hang until they time out (want 1)",
			"sysctl net.ipv4.vs.expire_quiescent_template is 0: persistent clients keep going to a server with weight 0 (want 1)",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sysctlWarnings(c.file, c.read); !slices.Equal(got, c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAVirtualAddressThatIsNotHere(t *testing.T) {
	file := web(t, "192.0.2.21")
	want := []string{"the virtual address 192.0.2.100 of web is not on this host: clients can't reach it here (ip address add 192.0.2.100/32 dev …)"}
	if got := notLocal(file, nil); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := notLocal(file, []netip.Addr{netip.MustParseAddr("192.0.2.100")}); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestOfManyWarningsAFewAreShown(t *testing.T) {
	many := []string{"1", "2", "3", "4", "5", "6", "7"}
	if got := few(many, "things are wrong"); !slices.Equal(got, []string{"1", "2", "3", "4", "5", "2 more things are wrong"}) {
		t.Errorf("got %q", got)
	}
	if got := few(many[:5], "things are wrong"); !slices.Equal(got, many[:5]) {
		t.Errorf("got %q", got)
	}
}

// An interface that is not there is no mistake of the file, and worth a word; each once.
func TestInterfacesThatAreNotThere(t *testing.T) {
	file := &config.Config{Routers: []config.VirtualRouter{holding("edge", "eth0"), holding("inside", "eth9"), holding("another", "eth9")}}
	file.Routers[0].TrackInterfaces = []string{"eth1", "eth8"}
	got := interfaceWarnings(file, func(name string) bool { return name == "eth0" || name == "eth1" })
	want := []string{
		"the interface eth8 of the virtual router edge is not on this host: it waits in fault until it comes",
		"the interface eth9 of the virtual router inside is not on this host: it waits in fault until it comes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
