package ipvs_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/internal/lab/tablegen"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// sameTable compares tables as values.
var sameTable = cmp.Options{cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()}

// everything is one table with every option in it, as ipvsadm prints it. Only
// the thresholds (-x, -y) are ours: ipvsadm leaves them out when it saves. That
// the real ipvsadm prints the same is a test of package kernel.
const everything = `-A -t 192.0.2.1:80 -s sh -p 360 -M 255.255.255.0 -b sh-fallback,sh-port
-A -t 192.0.2.2:80 -s mh -b mh-fallback,mh-port
-a -t 192.0.2.2:80 -r 192.0.2.7:80 -g -w 0 -x 5
-a -t 192.0.2.2:80 -r 192.0.2.8:80 -i -w 1 --tun-type ipip
-a -t 192.0.2.2:80 -r 192.0.2.9:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 192.0.2.2:80 -r 192.0.2.10:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t 192.0.2.2:80 -r 192.0.2.11:80 -i -w 1 --tun-type gre --tun-csum
-a -t 192.0.2.2:80 -r 192.0.2.12:80 -i -w 1 --tun-type gre --tun-nocsum
-a -t 192.0.2.2:80 -r [2001:db8::7]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-A -t 192.0.2.3:80 -s rr -b flag-1,flag-2
-A -t 192.0.2.9:0 -s rr -p 10
-A -u 192.0.2.1:5060 -s rr -p 10 --pe sip -o
-A --sctp-service 192.0.2.1:80 -s rr
-a --sctp-service 192.0.2.1:80 -r 192.0.2.7:80 -m -w 3 -x 100 -y 50
-A -t [2001:db8::1]:80 -s rr -p 300 -M 64
-a -t [2001:db8::1]:80 -r 192.0.2.12:80 -i -w 1 --tun-type ipip
-a -t [2001:db8::1]:80 -r [2001:db8::9]:80 -m -w 1
-A -f 7 -s rr -p 300
-a -f 7 -r 192.0.2.13:0 -g -w 1
-A -f 7 -6 -s sh -p 30 -M 48 -b sh-port
-a -f 7 -6 -r [2001:db8::2]:0 -g -w 70000
`

func TestTablePrintsAsIpvsadmDoes(t *testing.T) {
	table, err := ipvs.ParseTable(everything)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everything, table.String()); diff != "" {
		t.Errorf("parsed and printed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(everything, table.Sort().String()); diff != "" {
		t.Errorf("sorted, the order of ipvsadm -Sn should not change (-want +got):\n%s", diff)
	}
}

func TestEveryTableParsesBackToItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := tablegen.Table(ipvs.Schedulers).Draw(t, "table")
		got, err := ipvs.ParseTable(want.String())
		if err != nil {
			t.Fatalf("%v in:\n%s", err, want)
		}
		if diff := cmp.Diff(want, got, sameTable); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestParseTableNamesTheLineAndTheMistake(t *testing.T) {
	const web = "-A -t 192.0.2.1:80 -s rr\n"
	for _, c := range []struct{ text, want string }{
		{"-X", `line 1: "-X" is not a rule (want -A or -a)`},
		{"-A -s rr", "line 1: no virtual service is named (want -t, -u, --sctp-service or -f)"},
		{"-A -t web:80", "line 1: -t web:80: not an address and port"},
		{"-A -t", "line 1: -t wants a value"},
		{"-A -f 0", "line 1: -f 0: a firewall mark is 1 or more"},
		{"-A -f 4294967296", "line 1: -f 4294967296: not a number from 0 to 4294967295"},
		{"-A -t 192.0.2.1:80 -s rr -b sh-port", "line 1: sh-port is a flag of the scheduler sh, not of rr"},
		{"-A -t 192.0.2.1:80 -b flag-9", `line 1: "flag-9" is not a scheduler flag (want sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3)`},
		{"-A -t 192.0.2.1:80 -p 1 -M 255.0.255.0", "line 1: -M 255.0.255.0: not a netmask"},
		{"-A -t 192.0.2.1:80 -p 1 -M 0.0.0.0", "line 1: -M 0.0.0.0: not a netmask"},
		{"-A -t 192.0.2.1:80 -q", "line 1: -q: not an option of a virtual service"},
		{web + web, "line 2: the virtual service 192.0.2.1:80/tcp is there twice"},
		{"\n# comment\n-a -t 192.0.2.1:80 -r 192.0.2.7:80", "line 3: the real server 192.0.2.7:80 comes before its virtual service 192.0.2.1:80/tcp"},
		{web + "-a -t 192.0.2.1:80", "line 2: no real server is named (want -r)"},
		{web + "-a -r 192.0.2.7:80", "line 2: no virtual service is named (want -t, -u, --sctp-service or -f)"},
		{web + "-a -t 192.0.2.1:80 -r 192.0.2.7", "line 2: -r 192.0.2.7: not an address and port"},
		{web + "-a -t 192.0.2.1:80 -r 192.0.2.7:80 -w many", "line 2: -w many: not a number from 0 to 2147483647"},
		{web + "-a -t 192.0.2.1:80 -r 192.0.2.7:80 -w -1", "line 2: -w -1: not a number from 0 to 2147483647"},
		{web + "-a -t 192.0.2.1:80 -r 192.0.2.7:80 --tun-type vxlan", `line 2: "vxlan" is not a tunnel type (want ipip, gue, gre)`},
		{web + "-a -t 192.0.2.1:80 -r 192.0.2.7:80 -z", "line 2: -z: not an option of a real server"},
	} {
		_, err := ipvs.ParseTable(c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("ParseTable(%q)\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add(everything)
	f.Add("-A -f 7 -6\n-a -f 7 -6 -r [2001:db8::2]:0 -g -w 70000")
	f.Add("-A -t 192.0.2.1:80 -p 300 -M 24")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := ipvs.ParseTable(text)
		if err != nil {
			return
		}
		again, err := ipvs.ParseTable(table.String())
		if err != nil {
			t.Fatalf("%v in what %q printed:\n%s", err, text, table)
		}
		if again.String() != table.String() {
			t.Fatalf("printed, parsed and printed:\n%s\nbut first:\n%s", again, table)
		}
	})
}

func TestWordsOfValues(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{ipvs.IPv4.String(), "ipv4"},
		{ipvs.IPv6.String(), "ipv6"},
		{ipvs.TCP.String(), "tcp"},
		{ipvs.SCTP.String(), "sctp"},
		{ipvs.NAT.String(), "nat"},
		{ipvs.DR.String(), "dr"},
		{ipvs.Tunnel.String(), "tunnel"},
		{ipvs.Forward(0).String(), "unknown(0)"},
		{ipvs.AddressKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80")).String(), "192.0.2.1:80/tcp"},
		{ipvs.AddressKey(ipvs.UDP, netip.MustParseAddrPort("[2001:db8::1]:53")).String(), "[2001:db8::1]:53/udp"},
		{ipvs.MarkKey(7, ipvs.IPv6).String(), "fwmark 7 ipv6"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if _, err := ipvs.ParseForward("masq"); err == nil || err.Error() != `"masq" is not a forwarding method (want nat, dr, tunnel)` {
		t.Errorf("ParseForward: %v", err)
	}
}

func TestAnAddressKeyHasOneForm(t *testing.T) {
	mapped := ipvs.AddressKey(ipvs.TCP, netip.MustParseAddrPort("[::ffff:192.0.2.1]:80"))
	plain := ipvs.AddressKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
	if mapped != plain {
		t.Errorf("%v and %v differ", mapped, plain)
	}
}

func TestEveryKeyParsesBackToItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, s := range tablegen.Table(ipvs.Schedulers).Draw(t, "table").Services {
			if got, err := ipvs.ParseKey(s.Key.String()); err != nil || got != s.Key {
				t.Fatalf("%s came back as %v, error %v", s.Key, got, err)
			}
		}
	})
	for _, text := range []string{"", "192.0.2.1:80", "192.0.2.1/tcp", "192.0.2.1:80/icmp", "fwmark 0 ipv4", "fwmark 7", "fwmark 4294967296 ipv4"} {
		if got, err := ipvs.ParseKey(text); err == nil {
			t.Errorf("%q was taken as %v", text, got)
		}
	}
}
