package heartbeat

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

var (
	fleet    = []byte("the fleet's secret, 32 bytes long")
	anywhere = netip.MustParseAddrPort("192.0.2.21:4000")
)

// said makes the line of a heartbeat, signed with the key of its id.
func said(t testing.TB, id, service string, instance, seq uint64) []byte {
	return signed(t, wire.Heartbeat{State: wire.Up, ID: id, Service: service, Instance: instance, Seq: seq, Interval: time.Second},
		wire.DeriveKey(fleet, id))
}

// alone makes a datagram of one line.
func alone(line []byte) []byte { return append(bytes.Clone(line), '\n') }

// relayed makes a relay's datagram of the lines, with an age of 100 ms each.
func relayed(t testing.TB, r wire.Relay, key []byte, lines ...[]byte) []byte {
	var withAge [][]byte
	for _, line := range lines {
		withAge = append(withAge, wire.AppendAged(nil, line, 100*time.Millisecond))
	}
	return relayedAs(t, r, key, withAge...)
}

func relayedAs(t testing.TB, r wire.Relay, key []byte, lines ...[]byte) []byte {
	if r.Interval == 0 {
		r.Interval = time.Second
	}
	if r.Parts == 0 {
		r.Part, r.Parts = 1, 1
	}
	if r.Children == 0 {
		r.Children = len(lines)
	}
	datagram, err := wire.AppendRelay(nil, r, key, lines...)
	if err != nil {
		t.Fatal(err)
	}
	return datagram
}

// Every reason to drop what comes is a row.
func TestEachDatagramHasOneVerdict(t *testing.T) {
	const id, open = "192.0.2.21:80", "192.0.2.99:80"
	key := func(id string) []byte { return wire.DeriveKey(fleet, id) }
	line := func(instance, seq uint64) []byte { return said(t, id, "web", instance, seq) }
	unsigned := func(id string) []byte {
		return signed(t, wire.Heartbeat{State: wire.Up, ID: id, Service: "web", Instance: 1, Seq: 1, Interval: time.Second}, nil)
	}
	rack := func(instance, seq uint64, lines ...[]byte) []byte {
		return relayed(t, wire.Relay{ID: "rack7", Instance: instance, Seq: seq}, key("rack7"), lines...)
	}
	part := func(seq uint64, part, parts, children int, lines ...[]byte) []byte {
		return relayed(t, wire.Relay{ID: "rack7", Instance: 5, Seq: seq, Part: part, Parts: parts, Children: children}, key("rack7"), lines...)
	}
	var manyRelays [][]byte
	for i := range MaxRelays {
		name := fmt.Sprint("relay", i)
		manyRelays = append(manyRelays, relayed(t, wire.Relay{ID: name, Instance: 1, Seq: 1}, key(name)))
	}
	for _, c := range []struct {
		name     string
		before   [][]byte
		datagram []byte
		want     Verdict
		inside   Verdict // of a line in a relay's datagram; Accepted: not looked at
	}{
		{name: "the first line", datagram: alone(line(5, 1)), want: Accepted},
		{name: "the next", before: [][]byte{alone(line(5, 1))}, datagram: alone(line(5, 2)), want: Accepted},
		{name: "a further start", before: [][]byte{alone(line(5, 9))}, datagram: alone(line(6, 1)), want: Accepted},
		{name: "the same again", before: [][]byte{alone(line(5, 1))}, datagram: alone(line(5, 1)), want: Repeat},
		{name: "an old one", before: [][]byte{alone(line(5, 2))}, datagram: alone(line(5, 1)), want: OldSeq},
		{name: "of an earlier start", before: [][]byte{alone(line(5, 1))}, datagram: alone(line(4, 7)), want: OldInstance},
		{name: "too long", datagram: bytes.Repeat([]byte("H"), wire.MaxDatagram+1), want: TooLong},
		{name: "a line too long", datagram: append(bytes.Repeat([]byte("H"), wire.MaxLine), '\n'), want: TooLong},
		{name: "no line end", datagram: line(5, 1), want: Malformed},
		{name: "empty", want: Malformed},
		{name: "two lines", datagram: append(alone(line(5, 1)), alone(line(5, 2))...), want: Malformed},
		{name: "something else", datagram: []byte("MONITOR/1 poll service=web\n"), want: NotHeartbeat},
		{name: "another version", datagram: []byte("HEARTBEAT/2 up\n"), want: WrongVersion},
		{name: "an unknown id", datagram: alone(said(t, "192.0.2.77:80", "web", 5, 1)), want: UnknownID},
		{name: "another service", datagram: alone(said(t, id, "mail", 5, 1)), want: WrongService},
		{name: "not signed", datagram: alone(unsigned(id)), want: NoMAC},
		{name: "signed with the secret itself", datagram: alone(signed(t, wire.Heartbeat{
			State: wire.Up, ID: id, Service: "web", Instance: 5, Seq: 1, Interval: time.Second,
		}, fleet)), want: BadMAC},
		{name: "signed with another's key", datagram: alone(signed(t, wire.Heartbeat{
			State: wire.Up, ID: id, Service: "web", Instance: 5, Seq: 1, Interval: time.Second,
		}, key("192.0.2.22:80"))), want: BadMAC},
		{name: "not signed and need not be", datagram: alone(unsigned(open)), want: Accepted},
		{name: "an age from the sender itself", datagram: alone(wire.AppendAged(nil, line(5, 1), 0)), want: AgeFromChild},

		{name: "a relay", datagram: rack(5, 1, line(5, 1)), want: Accepted},
		{name: "a relay with nobody", datagram: rack(5, 1), want: Accepted},
		{name: "its next round", before: [][]byte{rack(5, 1)}, datagram: rack(5, 2), want: Accepted},
		{name: "a round left out", before: [][]byte{rack(5, 1)}, datagram: rack(5, 7), want: Accepted},
		{name: "the round before, late", before: [][]byte{rack(5, 2)}, datagram: rack(5, 1), want: Accepted},
		{name: "the round again", before: [][]byte{rack(5, 2)}, datagram: rack(5, 2), want: RelayOldRound},
		{name: "two rounds before", before: [][]byte{rack(5, 3)}, datagram: rack(5, 1), want: RelayOldRound},
		{name: "an earlier start of the relay", before: [][]byte{rack(5, 3)}, datagram: rack(4, 9), want: RelayOldInstance},
		{name: "a later start of the relay", before: [][]byte{rack(5, 3)}, datagram: rack(6, 1), want: Accepted},
		{name: "another number of parts", before: [][]byte{part(1, 1, 2, 1)}, datagram: part(1, 2, 3, 1), want: RelayBadPart},
		{name: "another number of children", before: [][]byte{part(1, 1, 2, 1)}, datagram: part(1, 2, 2, 2), want: RelayBadPart},
		{name: "more lines than children", before: [][]byte{part(1, 1, 3, 1, line(5, 1))}, datagram: part(1, 2, 3, 1, line(5, 2)), want: RelayBadPart},
		{name: "fewer lines than children", before: [][]byte{part(1, 1, 2, 3, line(5, 1))}, datagram: part(1, 2, 2, 3, line(5, 2)), want: RelayBadPart},
		{name: "too many children", datagram: part(1, 1, 1, MaxChildren+1), want: RelayBadPart},
		{name: "too many parts", datagram: part(1, 1, MaxChildren+1, 1), want: RelayBadPart},
		{name: "a relay with another's key", datagram: relayed(t, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, key("rack8")), want: RelayBadMAC},
		{name: "a known relay with another's key", before: [][]byte{rack(5, 1)}, datagram: relayed(t, wire.Relay{ID: "rack7", Instance: 9, Seq: 1}, key("rack8")), want: RelayBadMAC},
		{name: "a relay of another version", datagram: []byte("RELAY/2 id=rack7\n"), want: WrongVersion},
		{name: "a malformed relay", datagram: []byte("RELAY/1 id=rack7\n"), want: Malformed},
		{name: "too many relays", before: manyRelays, datagram: rack(5, 1), want: TooManyRelays},
		{name: "a forged child", datagram: rack(5, 1, signed(t, wire.Heartbeat{
			State: wire.Up, ID: id, Service: "web", Instance: 5, Seq: 1, Interval: time.Second,
		}, key("rack7"))), want: Accepted, inside: ChildBadMAC},
		{name: "an unsigned child", datagram: rack(5, 1, unsigned(id)), want: Accepted, inside: ChildBadMAC},
		{name: "a child without an age", datagram: relayedAs(t, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, key("rack7"), line(5, 1)), want: Accepted, inside: NoAge},
		{name: "a child too old", datagram: relayedAs(t, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, key("rack7"),
			wire.AppendAged(nil, line(5, 1), MaxAge+time.Millisecond)), want: Accepted, inside: TooOld},
		{name: "a child older than its line before", before: [][]byte{alone(line(5, 1))}, datagram: rack(5, 1, line(5, 2)), want: Accepted, inside: TooOld},
		{name: "a malformed child", datagram: relayedAs(t, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, key("rack7"), []byte("HEARTBEAT/1 up")), want: Accepted, inside: Malformed},
		{name: "a relay within a relay", datagram: relayedAs(t, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, key("rack7"), []byte("RELAY/1 id=rack8")), want: Accepted, inside: NotHeartbeat},
		{name: "a relay that does not sign", datagram: relayed(t, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, nil, unsigned(open)), want: Accepted},
		{name: "a signed child of a relay that does not sign", datagram: relayed(t, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, nil, line(5, 1)), want: Accepted, inside: UnsignedRelay},
		{name: "an unsigned relay can't end the rounds of a signed one", before: [][]byte{
			relayed(t, wire.Relay{ID: "rack7", Instance: 99, Seq: 1}, nil),
		}, datagram: rack(5, 1), want: Accepted},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New(Marks{})
			add(t, l, Check{ID: id, Service: "web", Secrets: [][]byte{fleet}, Interval: time.Second, Misses: 3})
			add(t, l, Check{ID: open, Service: "web", Interval: time.Second, Misses: 3})
			for i, datagram := range c.before {
				if got := l.Receive(0, anywhere, datagram); got != Accepted {
					t.Fatalf("datagram %d before it is %s", i, got)
				}
			}
			before := l.tally.counts
			if got := l.Receive(time.Millisecond, anywhere, c.datagram); got != c.want {
				t.Errorf("it is %s, want %s", got, c.want)
			}
			counted := l.tally.counts
			want := before
			if want[c.want]++; c.inside != Accepted {
				want[c.inside]++
			} else {
				counted[Accepted], want[Accepted] = 0, 0 // with its lines
			}
			if counted != want {
				t.Errorf("counted %v\nwant    %v", counted, want)
			}
			if v := c.want; v.Dropped() {
				kept := l.tally.examples[v]
				if len(kept) == 0 || kept[len(kept)-1].From != anywhere {
					t.Errorf("the example of %s is %v", v, kept)
				}
			}
		})
	}
}

// Where every check has secrets, relays must sign.
func TestAnUnsignedRelayIsDroppedWhereAllChecksHaveSecrets(t *testing.T) {
	l := New(Marks{})
	add(t, l, Check{ID: "a", Service: "web", Secrets: [][]byte{fleet}, Interval: time.Second, Misses: 3})
	if got := l.Receive(0, anywhere, relayed(t, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, nil)); got != RelayNoMAC {
		t.Errorf("it is %s", got)
	}
}

// A relay's key may come from any secret; how many are tried in a second is bounded.
func TestTheSecretsTriedOnUnknownRelaysAreBounded(t *testing.T) {
	l := New(Marks{})
	for i := range 100 {
		secret := fmt.Appendf(nil, "secret %d", i)
		add(t, l, Check{ID: fmt.Sprint(i), Service: "web", Secrets: [][]byte{secret}, Interval: time.Second, Misses: 3})
	}
	known := func(seq uint64) []byte {
		return relayed(t, wire.Relay{ID: "rack7", Instance: 5, Seq: seq}, wire.DeriveKey([]byte("secret 99"), "rack7"))
	}
	if got := l.Receive(0, anywhere, known(1)); got != Accepted {
		t.Fatalf("a relay with the last secret is %s", got)
	}
	forged := relayed(t, wire.Relay{ID: "rack8", Instance: 5, Seq: 1}, fleet)
	for i := range 1000 {
		if got := l.Receive(time.Duration(i)*time.Millisecond, anywhere, forged); got != RelayBadMAC && got != RelayNotTried {
			t.Fatalf("a forged one is %s", got)
		}
	}
	if tried := l.tally.counts[RelayBadMAC]; tried > 2*triesPerSecond/100 {
		t.Errorf("%d datagrams were tried with 100 secrets each within a second", tried)
	}
	if got := l.Receive(time.Second, anywhere, known(2)); got != Accepted {
		t.Errorf("meanwhile a known relay is %s", got)
	}
}

// A relay under a secret that no check uses any more is forged.
func TestASecretThatIsTakenOutVerifiesNoRelay(t *testing.T) {
	l := New(Marks{})
	h := add(t, l, Check{ID: "a", Service: "web", Secrets: [][]byte{[]byte("old")}, Interval: time.Second, Misses: 3})
	rack := func(seq uint64) []byte {
		return relayed(t, wire.Relay{ID: "rack7", Instance: 5, Seq: seq}, wire.DeriveKey([]byte("old"), "rack7"))
	}
	if got := l.Receive(0, anywhere, rack(1)); got != Accepted {
		t.Fatalf("it is %s", got)
	}
	l.Remove(0, h)
	add(t, l, Check{ID: "a", Service: "web", Secrets: [][]byte{[]byte("new")}, Interval: time.Second, Misses: 3})
	if got := l.Receive(0, anywhere, rack(2)); got != RelayBadMAC {
		t.Errorf("it is %s", got)
	}
}

func TestVerdictsHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for v := range verdicts {
		name := v.String()
		if name == "" || seen[name] || strings.ToLower(name) != name {
			t.Errorf("verdict %d is called %q", v, name)
		}
		seen[name] = true
	}
}

func TestChecksAreValidated(t *testing.T) {
	right := Check{ID: "a", Service: "web", Interval: time.Second, Misses: 3}
	for _, c := range []struct {
		want string
		make func(*Check)
	}{
		{"", func(*Check) {}},
		{`the heartbeat's id "" is not 1..128 bytes of printable ASCII`, func(c *Check) { c.ID = "" }},
		{`the heartbeat's service "a\nb" is not 1..128 bytes of printable ASCII`, func(c *Check) { c.Service = "a\nb" }},
		{"the heartbeat's interval 9ms is not within 10ms and 1h0m0s", func(c *Check) { c.Interval = 9 * time.Millisecond }},
		{"the heartbeat's misses are 0, not 1..1000", func(c *Check) { c.Misses = 0 }},
		{"the heartbeat's misses are 1001, not 1..1000", func(c *Check) { c.Misses = 1001 }},
		{"secret 2 is empty", func(c *Check) { c.Secrets = [][]byte{fleet, nil} }},
	} {
		check, got := right, ""
		c.make(&check)
		if _, err := New(Marks{}).Add(0, check); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func add(t testing.TB, l *Ledger, c Check) Handle {
	t.Helper()
	h, err := l.Add(0, c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
