package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recordingEdge notes what an instance asks for, and fails where it is told to.
type recordingEdge struct {
	done  []string
	fails map[string]error // by the first word of what is done
	told  []string
	sent  []Packet
}

func (e *recordingEdge) do(what string) error {
	e.done = append(e.done, what)
	word, _, _ := strings.Cut(what, " ")
	return e.fails[word]
}

func (e *recordingEdge) Send(p *Packet) error {
	kept := *p
	kept.Addresses = slices.Clone(p.Addresses)
	e.sent = append(e.sent, kept)
	return e.do(fmt.Sprintf("send %d", p.Priority))
}
func (e *recordingEdge) AddAddresses() error    { return e.do("add") }
func (e *recordingEdge) RemoveAddresses() error { return e.do("remove") }
func (e *recordingEdge) Announce() error        { return e.do("announce") }
func (e *recordingEdge) Warn(sentence string)   { e.told = append(e.told, sentence) }

// took returns what was done since it was asked last.
func (e *recordingEdge) took() []string {
	done := e.done
	e.done = nil
	return done
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// heardFrom is an advertisement of the peer, as a datagram.
func (p peered) heardFrom(priority uint8, change func(*Packet)) Datagram {
	packet, dst := p.packet(priority), group(p.router, p.near)
	if change != nil {
		change(&packet)
	}
	return Datagram{Source: p.far, Destination: dst, TTL: 255, Payload: packet.Append(nil, p.far, dst)}
}

// instanceBeside is an instance of a router that is beside keepalived, started.
func instanceBeside(p peered, priority uint8) (*Instance, *recordingEdge) {
	edge := &recordingEdge{}
	r := p.router
	r.Priority, r.Preempt, r.Interface = priority, true, "near0"
	i := NewInstance(r, edge)
	i.SetSource(p.near)
	i.Do(noon, Event{Kind: Start})
	return i, edge
}

// kinds are the kinds of effects.
func kinds(effects []Effect) []EffectKind {
	var k []EffectKind
	for _, e := range effects {
		k = append(k, e.Kind)
	}
	return k
}

// TestInstanceCarriesOut has a router live: what it asks of the edge comes in order,
// and the owner sees all effects.
func TestInstanceCarriesOut(t *testing.T) {
	p := besideKeepalived[0]
	i, edge := instanceBeside(p, 150)
	if got := edge.took(); got != nil {
		t.Errorf("a backup did %q", got)
	}

	down := i.Next()
	if want := noon.Add(3*p.router.AdvertInterval + p.router.AdvertInterval*106/256); !down.Equal(want) {
		t.Errorf("master down at %v, want %v: RFC 9568, section 6.1", down, want)
	}
	effects := i.Do(down, Event{Kind: Timer})
	if diff := cmp.Diff([]string{"send 150", "add", "announce"}, edge.took()); diff != "" {
		t.Errorf("a new master did (-want +got):\n%s", diff)
	}
	for _, kind := range []EffectKind{SendAdvert, AddAddresses, Announce, Changed} {
		if !slices.Contains(kinds(effects), kind) {
			t.Errorf("the owner does not see %v", kind)
		}
	}
	want := p.packet(150)
	if diff := cmp.Diff([]Packet{want}, edge.sent, compareAddrs); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}

	// A better master: its advertisement is heard, and the addresses go.
	now := down.Add(time.Millisecond)
	i.Receive(now, p.heardFrom(200, nil))
	for i.Machine().Holding() {
		now = i.Next()
		i.Do(now, Event{Kind: Timer})
	}
	if done := edge.took(); !slices.Contains(done, "remove") || i.Machine().State() != Backup {
		t.Errorf("a beaten master did %q and is %v", done, i.Machine().State())
	}
	if addr, priority := i.Machine().Master(); addr != p.far || priority != 200 {
		t.Errorf("it takes %v with priority %d for the master", addr, priority)
	}
}

// TestInstanceIsNotMovedByWhatIsDropped: the machine hears nothing of it.
func TestInstanceIsNotMovedByWhatIsDropped(t *testing.T) {
	p := besideKeepalived[1]
	i, edge := instanceBeside(p, 150)
	next := i.Next()
	for name, change := range map[string]func(*Packet){
		"interval": func(p *Packet) { p.Interval = 3 * time.Second },
		"password": func(p *Packet) { p.AuthType, p.Auth = AuthSimple, "guess" },
	} {
		if effects := i.Receive(noon.Add(time.Second), p.heardFrom(200, change)); effects != nil || !i.Next().Equal(next) || edge.took() != nil {
			t.Errorf("%s: %v", name, effects)
		}
	}
}

// TestEdgeErrors: they change no state and keep nothing from being done, and are
// counted and told.
func TestEdgeErrors(t *testing.T) {
	p := besideKeepalived[0]
	i, edge := instanceBeside(p, 150)
	edge.fails = map[string]error{
		"send": errors.New("send on near0: the network is down"), "add": errors.New("near0: no such device"),
		"announce": errors.New("near0: no such device"), "remove": errors.New("near0: 192.0.2.100 is still there"),
	}
	now := i.Next()
	i.Do(now, Event{Kind: Timer})
	if got := edge.took(); i.Machine().State() != Master || !slices.Contains(got, "announce") {
		t.Errorf("%v, did %q", i.Machine().State(), got)
	}
	i.Do(now, Event{Kind: Fail, Dead: true, Cause: "near0 is down"})
	if got := edge.took(); i.Machine().State() != Fault || !slices.Contains(got, "remove") {
		t.Errorf("%v, did %q", i.Machine().State(), got)
	}
	s := i.Snapshot(now)
	for kind, want := range map[string]string{
		"send": "send on near0: the network is down", "add_addresses": "near0: no such device",
		"remove_addresses": "near0: 192.0.2.100 is still there", "announce": "near0: no such device",
	} {
		if got := s.EdgeErrors[kind]; got.Count == 0 || got.Last != want || got.At != now {
			t.Errorf("%s: %+v, want %q", kind, got, want)
		}
	}
	if want := "removing the addresses failed: near0: 192.0.2.100 is still there"; !slices.Contains(edge.told, want) {
		t.Errorf("told %q, want %q among it", edge.told, want)
	}
	if s.Sent != 0 {
		t.Errorf("%d were sent", s.Sent)
	}
}

// TestChecksumSent: version 3 over IPv4 as configured, or as the peer was last heard
// to.
func TestChecksumSent(t *testing.T) {
	const (
		with    = ChecksumRFC5798
		without = ChecksumRFC9568
	)
	for _, c := range []struct {
		name       string
		which      int
		configured Checksum
		heard      []Checksum
		want       Checksum
	}{
		{"auto, nobody heard", 0, ChecksumAuto, nil, with},
		{"auto, a peer without", 0, ChecksumAuto, []Checksum{without}, without},
		{"auto, the peer was changed", 0, ChecksumAuto, []Checksum{without, with}, with},
		{"auto, two peers: the last one counts", 0, ChecksumAuto, []Checksum{with, without, with, without}, without},
		{"with, as configured", 0, with, []Checksum{without}, with},
		{"without, as configured", 0, without, []Checksum{with}, without},
		{"version 2 has no choice", 1, without, nil, ChecksumAuto},
		{"IPv6 has no choice", 4, without, nil, ChecksumAuto},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := besideKeepalived[c.which]
			i, edge := instanceBeside(p, 200)
			r := i.Router()
			r.Checksum = c.configured
			i.Configure(r)
			for _, sum := range c.heard {
				i.Receive(noon, p.heardFrom(100, func(p *Packet) { p.Checksum = sum }))
			}
			i.Do(i.Next(), Event{Kind: Timer})
			if len(edge.sent) != 1 || edge.sent[0].Checksum != c.want {
				t.Errorf("sent %+v, want %v", edge.sent, c.want)
			}
		})
	}
}

// TestConfigure: what is sent is the new setup, and nothing starts anew.
func TestConfigure(t *testing.T) {
	p := besideKeepalived[0]
	i, edge := instanceBeside(p, 150)
	i.Do(i.Next(), Event{Kind: Timer})
	before := i.Snapshot(noon)
	edge.took()

	r := i.Router()
	r.Name, r.Priority, r.Addresses, r.AdvertInterval = "renamed", 90, prefixes("192.0.2.200/32", "192.0.2.201/32"), time.Second
	i.Configure(r)
	i.Do(i.Next(), Event{Kind: Timer})
	after := i.Snapshot(noon)
	if after.State != Master || after.Name != "renamed" || after.Effective != 90 ||
		after.Transitions != before.Transitions || !after.Since.Equal(before.Since) || after.Sent != before.Sent+1 {
		t.Errorf("became %+v", after)
	}
	want := Packet{
		Version: V3, VRID: 51, Priority: 90, Interval: time.Second, Addresses: advertised(r), Checksum: ChecksumRFC5798,
	}
	if diff := cmp.Diff(want, edge.sent[len(edge.sent)-1], compareAddrs); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// TestSource: a multicast router goes by what it is told, a unicast one by its setup.
func TestSource(t *testing.T) {
	for _, c := range []struct {
		which int
		told  netip.Addr
		want  netip.Addr
	}{
		{0, near4, near4},
		{0, netip.Addr{}, netip.Addr{}},
		{4, nearLocal.WithZone("near0"), nearLocal},
		{5, netip.MustParseAddr("192.0.2.77"), near4},
		{6, nearLocal, near6},
	} {
		p := besideKeepalived[c.which]
		i, _ := instanceBeside(p, 100)
		i.SetSource(c.told)
		if got := i.Source(); got != c.want {
			t.Errorf("%s: %v, want %v", p.router.Name, got, c.want)
		}
		// Of equal priorities the higher address wins, so the machine must know ours.
		i.Do(i.Next(), Event{Kind: Timer})
		if got, _ := i.Machine().Master(); got != c.want {
			t.Errorf("%s: the machine takes %v for us, want %v", p.router.Name, got, c.want)
		}
	}
}
