package kernel

import (
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/internal/lab/tablegen"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// What is encoded decodes to itself: the kernel's answers have the same form as
// our requests.
func TestRequestsDecodeToWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, want := range tablegen.Table(ipvs.Schedulers).Draw(t, "table").Services {
			b := appendChange(nil, 0x1f, ipvs.Change{Op: ipvs.AddService, Service: want}, 1)
			got, err := parseService(b[headerSize-4:])
			if err != nil || !got.SameHead(want) {
				t.Fatalf("%v, error %v, want %v", got, err, want)
			}
			for _, w := range want.Servers {
				b := appendChange(nil, 0x1f, ipvs.Change{Op: ipvs.AddServer, Service: want, Server: w}, 1)
				s, _, err := parseServer(b[headerSize-4:], want.Family)
				if err != nil || s != w {
					t.Fatalf("%v, error %v, want %v", s, err, w)
				}
			}
		}
	})
}

// A scheduler that test kernels lack is sent like any other.
func TestTheBytesOfAService(t *testing.T) {
	table, err := ipvs.ParseTable("-A -t 192.0.2.1:80 -s twos")
	if err != nil {
		t.Fatal(err)
	}
	got := hex.EncodeToString(appendChange(nil, 0x1f, ipvs.Change{Op: ipvs.AddService, Service: table.Services[0]}, 7))
	want := "6c000000" + "1f00" + "0100" + "07000000" + "00000000" + // length, family, NLM_F_REQUEST, number, port
		"01010000" + // NEW_SERVICE, version 1
		"58000180" + // the service, nested
		"06000100" + "02000000" + // AF_INET
		"06000200" + "06000000" + // TCP
		"14000300" + "c0000201000000000000000000000000" +
		"06000400" + "00500000" + // port 80, network order
		"09000600" + "74776f7300000000" + // "twos"
		"0c000700" + "00000000ffffffff" + // flags, and their mask
		"08000800" + "00000000" + // no persistence
		"08000900" + "ffffffff"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// The kernel's answer has the form of our request.
func TestASyncDaemonReadsBack(t *testing.T) {
	want := SyncDaemon{Role: SyncBackup, Interface: "eth0", ID: 255}
	b := begin(nil, 0x1f, cmdNewDaemon, 0, 1).syncDaemon(want).end()
	if got, err := parseSyncDaemon(b[headerSize-4:]); err != nil || got != want {
		t.Errorf("%v, error %v", got, err)
	}
}

// An answer of a machine that we do not trust less than our own kernel: still
// never a panic.
func FuzzParse(f *testing.F) {
	table, err := ipvs.ParseTable("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -i -w 1 --tun-type ipip")
	if err != nil {
		f.Fatal(err)
	}
	s := table.Services[0]
	f.Add(appendChange(nil, 1, ipvs.Change{Op: ipvs.AddService, Service: s}, 1)[headerSize-4:])
	f.Add(appendChange(nil, 1, ipvs.Change{Op: ipvs.AddServer, Service: s, Server: s.Servers[0]}, 1)[headerSize-4:])
	f.Add(begin(nil, 1, cmdNewDaemon, 0, 1).syncDaemon(SyncDaemon{SyncMaster, "eth0", 1}).end()[headerSize-4:])
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = parseService(b)
		_, _, _ = parseServer(b, ipvs.IPv4)
		_, _ = parseSyncDaemon(b)
	})
}

// Where the kernel has no IPVS, that is said, whatever else is wrong.
func TestOpenSaysWhetherThereIsIPVS(t *testing.T) {
	c, err := Open()
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
		return
	}
	if !errors.Is(err, ErrNoIPVS) {
		t.Error(err)
	}
}
