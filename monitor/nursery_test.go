package monitor

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// beatLine is a heartbeat's line without its end.
func beatLine(t testing.TB, id string, instance, seq uint64, reason string, key []byte) []byte {
	t.Helper()
	line, err := wire.Heartbeat{
		State: wire.Up, ID: id, Service: "app", Instance: instance, Seq: seq, Interval: time.Second, Reason: reason,
	}.AppendText(nil)
	if err == nil && key != nil {
		line, err = wire.SignHeartbeat(line, key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return line
}

var (
	here  = netip.MustParseAddr("192.0.2.21")
	there = netip.MustParseAddr("198.51.100.7")
)

// Every reason not to keep a datagram, each a row.
func TestWhatARelayDoesNotKeep(t *testing.T) {
	good := string(beatLine(t, "a", 5, 5, "", nil))
	long := func(n int) string { // a line of that many bytes
		for fill := n; ; fill-- {
			if line := good + ` x="` + strings.Repeat("y", fill) + `"`; len(line) == n {
				return line
			}
		}
	}
	room := wire.MaxDatagram - wire.RelayOverhead("rack7")
	covered := map[drop]bool{}
	for _, c := range []struct {
		name, datagram string
		want           drop
	}{
		{"a line", good + "\n", kept},
		{"a line with the other end", good + "\r\n", kept},
		{"the longest that fits with an age", long(room-ageRoom-1) + "\n", kept},
		{"one byte more", long(room-ageRoom) + "\n", dropUnfit},
		{"longer than a line", long(1024) + "\n", dropTooLong},
		{"longer than a datagram", good + strings.Repeat("\n", 1201), dropTooLong},
		{"nothing", "", dropMalformed},
		{"no end", good, dropMalformed},
		{"two lines", good + "\n" + good + "\n", dropMalformed},
		{"no seq", strings.Replace(good, " seq=5", "", 1) + "\n", dropMalformed},
		{"an interval out of range", strings.Replace(good, "interval=1s", "interval=1ms", 1) + "\n", dropMalformed},
		{"not printable", strings.Replace(good, "id=a", "id=\x00", 1) + "\n", dropMalformed},
		{"another protocol", "MONITOR/1 poll service=app\n", dropForeign},
		{"another version", strings.Replace(good, "HEARTBEAT/1", "HEARTBEAT/2", 1) + "\n", dropVersion},
		{"with an age", good + " age=7\n", dropAged},
		{"a relay's", "RELAY/1 id=b instance=0000000000000001 seq=1 interval=1s part=1/1 children=1\n" + good + " age=7\n", dropRelay},
		{"a relay's of another version", "RELAY/9\n", dropRelay},
		{"the same again", string(beatLine(t, "known", 5, 5, "", nil)) + "\n", dropOld},
		{"an earlier one", string(beatLine(t, "known", 5, 4, "", nil)) + "\n", dropOld},
		{"one of an earlier start", string(beatLine(t, "known", 4, 9, "", nil)) + "\n", dropOld},
		{"a fifth source", string(beatLine(t, "crowded", 9, 9, "", nil)) + "\n", dropSources},
	} {
		now := time.Now()
		n := newNursery(room)
		hear := func(line []byte, from netip.Addr) {
			if why := n.hear(append(line, '\n'), from, now, 0); why != kept {
				t.Fatal(dropNames[why])
			}
		}
		hear(beatLine(t, "known", 5, 5, "", nil), here)
		for _, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
			hear(beatLine(t, "crowded", 5, 5, "", nil), netip.MustParseAddr(from))
		}
		if got := n.hear([]byte(c.datagram), here, now, 0); got != c.want {
			t.Errorf("%s: %q, wanted %q", c.name, dropNames[got], dropNames[c.want])
		}
		covered[c.want] = true
	}
	for why := range drops {
		if !covered[why] && why != dropFull { // which has a test of its own
			t.Errorf("%s has no row", dropNames[why])
		}
	}
}

// The page on heartbeats names every reason for which a relay drops one.
func TestARelaysReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/heartbeats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "The relay counts for itself")
	paragraph, _, found := strings.Cut(after, "\n\n")
	if !found {
		t.Fatal("docs/heartbeats.md has no paragraph on what the relay counts")
	}
	for why := range drops {
		if why != kept && !strings.Contains(paragraph, "`"+dropNames[why]+"`") {
			t.Errorf("%s is missing", dropNames[why])
		}
	}
}

func TestANewerLineTakesThePlaceOfAnOlder(t *testing.T) {
	n, now := newNursery(1000), time.Now()
	for _, c := range []struct {
		after         time.Duration
		instance, seq uint64
		want          drop
	}{
		{0, 5, 5, kept},
		{100 * time.Millisecond, 5, 6, kept},
		{200 * time.Millisecond, 5, 5, dropOld},
		{300 * time.Millisecond, 6, 1, kept}, // started anew
		{400 * time.Millisecond, 5, 7, dropOld},
		{500 * time.Millisecond, 1 << 60, 1 << 60, kept}, // forged, from the child's own address
		{1300 * time.Millisecond, 6, 2, dropOld},
		{2300 * time.Millisecond, 6, 3, kept}, // but that doesn't last
		{9 * time.Second, 6, 3, dropOld},      // what is told again is no news, ever
		{9 * time.Second, 3, 1, kept},         // its host's clock was set back
	} {
		line := append(beatLine(t, "a", c.instance, c.seq, "", nil), '\n')
		if got := n.hear(line, here, now.Add(c.after), 0); got != c.want {
			t.Errorf("at %s: instance %d, seq %d: %q, wanted %q", c.after, c.instance, c.seq, dropNames[got], dropNames[c.want])
		}
	}
}

// Whatever comes from elsewhere, the line from the child's own address stays.
func TestAForgerElsewhereDisplacesNothing(t *testing.T) {
	n, now := newNursery(1000), time.Now()
	mine := beatLine(t, "a", 5, 5, "", nil)
	if why := n.hear(append(mine, '\n'), here, now, 0); why != kept {
		t.Fatal(dropNames[why])
	}
	for i := range 100 {
		from := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		n.hear(append(beatLine(t, "a", 1<<60, uint64(i), "", nil), '\n'), from, now, 0)
	}
	lines := n.children[childKey{"a", "app"}]
	if len(lines) != maxSources || string(lines[0].now.line) != string(mine) {
		t.Errorf("%d lines, the first %s", len(lines), lines[0].now.line)
	}
	// Nor does a table that others have filled.
	for i := range 2 * maxChildren {
		n.hear(append(beatLine(t, fmt.Sprint("forged-", i), 1, 1, "", nil), '\n'), there, now, 0)
	}
	if len(n.order) != maxChildren {
		t.Errorf("%d lines", len(n.order))
	}
	if why := n.hear(append(beatLine(t, "late", 1, 1, "", nil), '\n'), here, now, 0); why != dropFull {
		t.Errorf("a newcomer: %q", dropNames[why])
	}
	if why := n.hear(append(beatLine(t, "a", 5, 6, "", nil), '\n'), here, now, 0); why != kept {
		t.Errorf("the child's next line: %q", dropNames[why])
	}
}

func TestASilentChildIsForgotten(t *testing.T) {
	n, now := newNursery(1000), time.Now()
	for i, from := range []netip.Addr{here, there} {
		n.hear(append(beatLine(t, "a", 1, 1, "", nil), '\n'), from, now.Add(time.Duration(i)*time.Minute), 0)
	}
	n.hear(append(beatLine(t, "b", 1, 1, "", nil), '\n'), here, now.Add(2*time.Minute), 0)
	for _, c := range []struct {
		after           time.Duration
		lines, children int
	}{
		{forgetTime, 3, 2}, {forgetTime + 1, 2, 2}, {forgetTime + 90*time.Second, 1, 1}, {forgetTime + 3*time.Minute, 0, 0},
	} {
		n.forget(now.Add(c.after))
		if len(n.order) != c.lines || len(n.children) != c.children {
			t.Errorf("after %s: %d lines of %d children, wanted %d of %d", c.after, len(n.order), len(n.children), c.lines, c.children)
		}
	}
}
