package vrrp

import (
	"net/netip"
	"time"
)

// Edge does to the host what an [Instance] asks for. Errors are told and counted by the
// instance; they change nothing in its state.
type Edge interface {
	// Send sends an advertisement to the router's destinations: the multicast group,
	// or each unicast peer. The packet is the instance's again once Send returns.
	Send(p *Packet) error
	// AddAddresses puts the router's addresses on its interface.
	AddAddresses() error
	// RemoveAddresses takes them off and verifies that they are gone.
	RemoveAddresses() error
	// Announce tells the network where each address is now.
	Announce() error
	// Warn tells an operator something, at a rate that the instance limits.
	Warn(sentence string)
}

// Transition is one change of a router's state.
type Transition struct {
	At    time.Time `json:"at"`
	From  State     `json:"from"`
	To    State     `json:"to"`
	Cause string    `json:"cause"`
}

// Instance drives one virtual router: it judges what is received, steps the [Machine],
// carries out what that asks for through an [Edge], and keeps what operators want to
// see. All that it keeps is bounded, whatever is received.
//
// It reads no clock and starts nothing: its owner calls Receive and Do, and Do with
// [Timer] when Next has come. An Instance is not safe for concurrent use.
type Instance struct {
	router    Router
	edge      Edge
	machine   *Machine
	own       netip.Addr   // our own address, for multicast
	addresses []netip.Addr // those that are advertised

	heard    Packet   // the last that was decoded; its memory is used again
	sending  Packet   // the same for what is sent
	checksum Checksum // of the last IPv4 advertisement of version 3 that was accepted

	counters counters
	history  history
	warnings warnings
	rival    rival
}

// NewInstance returns an instance of a router, in Init. With multicast it does not know
// its own address before SetSource.
func NewInstance(r Router, edge Edge) *Instance {
	i := &Instance{edge: edge}
	i.set(r)
	i.machine = NewMachine(i.settings())
	return i
}

// Configure changes the router's setup in place: state, timers, counters and history
// go on. The VRID, interface, family and version must be what they were, else it is
// another router: make a new instance.
//
// Where it holds addresses, the owner brings those on the host in line with the new
// list itself, before the next call; later effects are about the new list.
func (i *Instance) Configure(r Router) {
	i.set(r)
	i.machine.Configure(i.settings())
	i.warnings.forget() // they are of the former setup; what is still so will be seen again
}

// SetSource says what our own address is: the one that advertisements are sent from,
// which settles equal priorities, and which nobody else must use. As keepalived has it,
// that is the interface's first address of IPv4, or its link-local one of IPv6, but
// none of the router's own. The zero Addr says that there is none now. A unicast router
// goes by its Unicast.Source instead.
func (i *Instance) SetSource(addr netip.Addr) {
	i.own = addr.WithZone("")
	i.machine.Configure(i.settings())
}

func (i *Instance) set(r Router) {
	i.router = r
	i.addresses = i.addresses[:0]
	for _, p := range r.Addresses {
		i.addresses = append(i.addresses, p.Addr().WithZone(""))
	}
}

func (i *Instance) settings() Settings {
	return Settings{
		Version:      i.router.Version,
		Priority:     i.router.Priority,
		Interval:     i.router.AdvertInterval,
		Preempt:      i.router.Preempt,
		PreemptDelay: i.router.PreemptDelay,
		Address:      i.Source(),
		Grouped:      i.router.SyncGroup != "",
	}
}

// Router returns the router's setup.
func (i *Instance) Router() Router { return i.router }

// Source returns our own address; the zero Addr where it is not known.
func (i *Instance) Source() netip.Addr {
	if i.router.Unicast != nil {
		return i.router.Unicast.Source.WithZone("")
	}
	return i.own
}

// Machine returns the machine, to be looked at: only the instance steps it.
func (i *Instance) Machine() *Machine { return i.machine }

// Next returns when Do with [Timer] is due; zero: never, unless something else happens
// first.
func (i *Instance) Next() time.Time { return i.machine.Next() }

// Receive takes a datagram: it is judged, counted, warned of, and where it is an
// advertisement for this router the machine hears it. The effects are those of Do.
//
// What has been received must be taken before timers that have run out: after a stall
// a master may well be there.
func (i *Instance) Receive(now time.Time, d Datagram) []Effect {
	verdict := i.heard.judge(&i.router, i.Source(), d)
	i.counters.verdicts[verdict]++
	if verdict != Accepted {
		i.warnDropped(now, verdict, d)
		return nil
	}
	if i.heard.Checksum != ChecksumAuto {
		i.checksum = i.heard.Checksum
	}
	i.warnDiffering(now, d)
	wasMaster := i.machine.State() == Master
	effects := i.Do(now, Event{Kind: Heard, Advert: Advert{
		Source: d.Source, Priority: i.heard.Priority, Interval: i.heard.Interval,
	}})
	if wasMaster && i.machine.State() == Master {
		i.warnTwoMasters(now, d)
	}
	return effects
}

// Do steps the machine with an event, carries out in their order the effects that are
// the edge's, and returns all of them, so that the owner sees [Changed], [FailedOver],
// [Wants] and [Ended]. The slice is valid until the next call.
func (i *Instance) Do(now time.Time, e Event) []Effect {
	effects := i.machine.Step(now, e)
	for _, effect := range effects {
		switch effect.Kind {
		case SendAdvert:
			if i.did(now, sendEdge, i.edge.Send(i.advert(effect.Priority))) {
				i.counters.sent++
			}
		case AddAddresses:
			i.did(now, addEdge, i.edge.AddAddresses())
		case RemoveAddresses:
			i.did(now, removeEdge, i.edge.RemoveAddresses())
		case Announce:
			i.did(now, announceEdge, i.edge.Announce())
		case Changed:
			i.history.add(Transition{At: now, From: effect.From, To: effect.To, Cause: effect.Cause})
		}
	}
	return effects
}

// did counts and tells an error of the edge, and reports whether there was none.
func (i *Instance) did(now time.Time, what edgeKind, err error) bool {
	if err == nil {
		return true
	}
	i.counters.edge[what].count++
	i.counters.edge[what].last, i.counters.edge[what].at = err, now
	i.warn(now, edgeFails+warningKind(what), sighting{err: err})
	return false
}

// advert is what is sent, with a priority.
func (i *Instance) advert(priority uint8) *Packet {
	i.sending = Packet{
		Version:   i.router.Version,
		VRID:      i.router.VRID,
		Priority:  priority,
		Interval:  i.router.AdvertInterval,
		Addresses: i.addresses,
		AuthType:  i.router.authType(),
		Auth:      i.router.auth(),
		Checksum:  i.sendChecksum(),
	}
	return &i.sending
}

// sendChecksum is how checksums are sent: as configured, or where that is auto as the
// peer was last heard to. Where peers differ that is as the last one that was heard;
// none hears all of us then, and checksum must be set for all alike.
func (i *Instance) sendChecksum() Checksum {
	switch {
	case i.router.Version == V2 || i.router.IPv6():
		return ChecksumAuto
	case i.router.Checksum != ChecksumAuto:
		return i.router.Checksum
	case i.checksum != ChecksumAuto:
		return i.checksum
	}
	return ChecksumRFC5798
}
