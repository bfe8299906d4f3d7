package heartbeat

import (
	"cmp"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// maxMarks bounds the marks that are restored.
const maxMarks = 1 << 16

// Marks are what a ledger must not forget over a restart, or old heartbeats could be played again. They are values that
// JSON can hold.
type Marks struct {
	Children []ChildMark `json:"children"`
	Relays   []RelayMark `json:"relays"`
}

// ChildMark is the newest line that was accepted of an id and service.
type ChildMark struct {
	ID        string `json:"id"`
	Service   string `json:"service"`
	Instance  string `json:"instance"` // 16 hex digits
	Seq       uint64 `json:"seq"`
	MAC       string `json:"mac,omitempty"` // 64 hex digits; empty where lines are not signed
	Confirmed bool   `json:"confirmed"`     // a poll confirmed the instance
	// Direct says that the child was heard itself lately; Relays are the ids of those that brought its lines, and
	// OpenRelays of those that do not sign.
	Direct     bool     `json:"direct"`
	Relays     []string `json:"relays,omitempty"`
	OpenRelays []string `json:"open_relays,omitempty"`
}

// RelayMark is the newest round that was heard of a relay that signs.
type RelayMark struct {
	ID       string `json:"id"`
	Instance string `json:"instance"` // 16 hex digits
	Seq      uint64 `json:"seq"`
}

// Marks returns the marks of all children that checks wait for, and of the relays, in the order of their names.
func (l *Ledger) Marks() Marks {
	var m Marks
	for _, from := range []map[name]*child{l.children, l.retired} {
		for _, c := range from {
			if c.known {
				m.Children = append(m.Children, c.saved())
			}
		}
	}
	slices.SortFunc(m.Children, func(a, b ChildMark) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Service, b.Service))
	})
	for _, r := range l.relays.signing {
		if seq := max(r.floor, r.rounds[0].seq); r.heard || seq > 0 {
			m.Relays = append(m.Relays, RelayMark{r.id, wire.FormatInstance(r.instance), seq})
		}
	}
	slices.SortFunc(m.Relays, func(a, b RelayMark) int { return cmp.Compare(a.ID, b.ID) })
	return m
}

// saved returns the child's mark as it is saved.
func (c *child) saved() ChildMark {
	m := ChildMark{
		ID: c.name.id, Service: c.name.service, Instance: wire.FormatInstance(c.mark.instance), Seq: c.mark.seq,
		MAC: c.mark.mac, Confirmed: c.mark.confirmed,
	}
	misses := uint64(1)
	for _, w := range c.watches {
		misses = max(misses, uint64(w.check.Misses))
	}
	for i := range c.carriers {
		switch k := &c.carriers[i]; {
		case c.mark.seq-k.seq > misses:
		case k.relay == nil:
			m.Direct = true
		case k.relay.signed:
			m.Relays = append(m.Relays, k.relay.id)
		default:
			m.OpenRelays = append(m.OpenRelays, k.relay.id)
		}
	}
	slices.Sort(m.Relays)
	slices.Sort(m.OpenRelays)
	return m
}

// restore takes marks over, as far as they are well formed.
func (l *Ledger) restore(m Marks) {
	for _, s := range m.Relays[:min(len(m.Relays), MaxRelays)] {
		instance, err := wire.ParseInstance(s.Instance)
		if err == nil && wire.ValidName(s.ID) {
			l.relays.signing[s.ID] = &relay{id: s.ID, signed: true, instance: instance, floor: s.Seq, last: -time.Hour}
		}
	}
	for _, s := range m.Children[:min(len(m.Children), maxMarks)] {
		instance, err := wire.ParseInstance(s.Instance)
		if err != nil || !wire.ValidName(s.ID) || !wire.ValidName(s.Service) {
			continue
		}
		c := &child{name: name{s.ID, s.Service}, known: true, mark: mark{
			instance: instance, seq: s.Seq, mac: s.MAC, confirmed: s.Confirmed,
		}}
		if s.Direct {
			c.carriers = append(c.carriers, carrier{seq: s.Seq})
		}
		l.restoreCarriers(c, s.Relays, true)
		l.restoreCarriers(c, s.OpenRelays, false)
		l.retired[c.name] = c
	}
}

// restoreCarriers enters the relays that brought a child's lines, whether or not they are heard again.
func (l *Ledger) restoreCarriers(c *child, ids []string, signed bool) {
	for _, id := range ids {
		if len(c.carriers) == maxCarriers || !wire.ValidName(id) {
			return
		}
		r := l.relays.of(id, signed)
		if r == nil {
			r = &relay{id: id, signed: signed, last: -time.Hour}
			if !l.relays.add(0, r) {
				return
			}
		}
		c.carriers = append(c.carriers, carrier{relay: r, seq: c.mark.seq})
	}
}
