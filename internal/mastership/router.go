package mastership

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/link"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

// router is one virtual router of the process: its instance, and the [vrrp.Edge] that
// does to the host what it asks for.
type router struct {
	*vrrp.Instance
	loop      *loop
	setup     RouterSetup
	replace   *RouterSetup // what it is to become once it has ended
	begun     bool         // it was told to start
	stopping  bool         // it was told to end
	ended     bool
	endedAt   time.Time
	priority  uint8 // the effective priority that it was last told
	fault     fault // why it can't take part by itself
	told      fault // the fault that its machine was last told of
	index     int   // of its interface; 0: not there
	source    netip.Addr
	conn      *vrrp.Conn // of the loop
	announcer *link.Announcer
	hardware  string // the interface's address that the announcer has
	out       []byte // one packet
	unready   bool   // a socket of its could not be opened
	missing   bool   // addresses that should be there could not be added
	leftover  bool   // addresses that should be gone are still there
}

// fault is why a router can't take part. The zero value: it can.
type fault struct {
	cause string
	dead  bool // and nothing can be sent
}

func newRouter(l *loop, s RouterSetup) *router {
	r := &router{loop: l, setup: s}
	r.Instance = vrrp.NewInstance(s.Router, r)
	return r
}

// sameRouter reports whether two setups are of one router, which can go from one to the
// other in place.
func sameRouter(a, b vrrp.Router) bool {
	return a.Interface == b.Interface && a.VRID == b.VRID && a.Version == b.Version && a.IPv6() == b.IPv6()
}

// Send sends an advertisement to the router's destinations.
func (r *router) Send(p *vrrp.Packet) error {
	if r.conn == nil || !r.source.IsValid() {
		return fmt.Errorf("%s can't be sent from", r.setup.Interface)
	}
	var err error
	if u := r.setup.Unicast; u != nil {
		for _, peer := range u.Peers {
			err = errors.Join(err, r.sendTo(p, peer))
		}
		return err
	}
	group := vrrp.GroupIPv4
	if r.setup.IPv6() {
		group = vrrp.GroupIPv6
	}
	return r.sendTo(p, group)
}

func (r *router) sendTo(p *vrrp.Packet, to netip.Addr) error {
	r.out = p.Append(r.out[:0], r.source, to)
	return r.conn.Send(r.out, r.source, to)
}

// AddAddresses puts the router's addresses on its interface.
func (r *router) AddAddresses() error {
	r.leftover = false
	added, err := r.loop.links.AddAll(r.index, r.setup.Held())
	r.missing = err != nil
	r.claim(added)
	return err
}

// claim makes addresses ours that were somebody else's until we had to add them.
func (r *router) claim(added []netip.Prefix) {
	var claimed []netip.Prefix
	for _, p := range added {
		if slices.Contains(r.setup.Foreign, p) {
			claimed = append(claimed, p)
		}
	}
	if len(claimed) == 0 {
		return
	}
	r.setup.Foreign = slices.DeleteFunc(slices.Clone(r.setup.Foreign), func(p netip.Prefix) bool { return slices.Contains(claimed, p) })
	r.loop.pipe.report(Report{Claimed: &Claim{Router: r.setup.Name, Addresses: claimed}}, false)
}

// RemoveAddresses takes off those that are ours, and verifies that they are gone.
func (r *router) RemoveAddresses() error {
	r.leftover, r.missing = false, false
	if r.index == 0 {
		return nil // they went with the interface
	}
	ours := slices.DeleteFunc(r.ours(), func(p netip.Prefix) bool { return r.loop.heldByAnother(r, r.index, p) })
	_, err := r.loop.links.RemoveAll(r.index, ours)
	left, e := r.present(ours)
	if len(left) > 0 {
		e = fmt.Errorf("%s still on %s", prefixes(left), r.setup.Interface)
	}
	err = errors.Join(err, e)
	r.leftover = err != nil
	return err
}

// ours are the addresses that we may remove.
func (r *router) ours() []netip.Prefix {
	return slices.DeleteFunc(r.setup.Held(), func(p netip.Prefix) bool { return slices.Contains(r.setup.Foreign, p) })
}

// Announce tells the network where each address is.
func (r *router) Announce() error {
	if r.announcer == nil {
		return nil
	}
	var err error
	for _, a := range r.setup.Held() {
		err = errors.Join(err, r.announcer.Announce(a.Addr()))
	}
	return err
}

// Warn tells the daemon.
func (r *router) Warn(sentence string) { r.loop.warn(r.setup.Name, sentence) }

// begin starts the router, once. Addresses of ours that are on the host are an earlier
// process's.
func (r *router) begin(now time.Time) {
	r.begun = true
	found, err := r.present(r.ours())
	if err != nil {
		r.Warn(err.Error())
	}
	if r.told = r.fault; r.fault.cause != "" {
		// The machine takes what is found off, and starts when the fault is over.
		r.do(now, vrrp.Event{Kind: vrrp.Fail, Cause: r.fault.cause, Dead: r.fault.dead})
	}
	r.do(now, vrrp.Event{Kind: vrrp.Start, Holding: len(found) > 0, StandBy: r.setup.StandBy, Delay: r.loop.holdPreemption(now)})
}

// present asks the kernel which of some addresses are on the router's interface.
func (r *router) present(of []netip.Prefix) ([]netip.Prefix, error) {
	if r.index == 0 || len(of) == 0 {
		return nil, nil
	}
	found, err := r.loop.links.List(r.index)
	if err != nil {
		return nil, err
	}
	on := make(map[netip.Prefix]bool, len(found))
	for _, a := range found {
		on[a.Prefix] = true
	}
	return slices.DeleteFunc(slices.Clone(of), func(p netip.Prefix) bool { return !on[p] }), nil
}

// prefixes lists addresses for a sentence.
func prefixes(list []netip.Prefix) string {
	const most = 3
	var words []string
	for _, p := range list[:min(most, len(list))] {
		words = append(words, p.String())
	}
	if n := len(list) - most; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(words, ", "), n)
	}
	return strings.Join(words, ", ")
}

// stop has the router hand over, once, and end.
func (r *router) stop(now time.Time, cause string) {
	if !r.stopping {
		r.stopping = true
		r.do(now, vrrp.Event{Kind: vrrp.Stop, Cause: cause})
	}
}

// do tells the machine something, and the loop what came of it.
func (r *router) do(now time.Time, e vrrp.Event) { r.loop.came(r, r.Do(now, e)) }

// prioritise tells the machine its priority, less what tracking takes off.
func (r *router) prioritise(now time.Time) {
	p := r.setup.Priority
	if p != vrrp.OwnerPriority {
		p = uint8(max(1, int(p)-r.setup.Penalty))
	}
	if p != r.priority {
		r.priority = p
		r.do(now, vrrp.Event{Kind: vrrp.Reprioritise, Priority: p})
	}
}

// configure changes the router in place.
func (r *router) configure(now time.Time, s RouterSetup) {
	before := r.setup
	r.setup = s
	if !before.Router.Equal(s.Router) {
		r.Instance.Configure(s.Router)
		r.priority = 0 // what was taken off the old priority is not taken off the new one
		if r.Machine().Holding() {
			r.exchange(before)
		}
	}
	r.prioritise(now)
}

// exchange brings the held addresses from one setup to the one in force: first what is
// new; what is gone is left to the loop, since another router may get it.
func (r *router) exchange(before RouterSetup) {
	for _, p := range before.Held() {
		if !slices.Contains(r.setup.Held(), p) && !slices.Contains(before.Foreign, p) {
			r.loop.dropped = append(r.loop.dropped, held{r.index, p})
		}
	}
	err := r.AddAddresses()
	if r.Machine().State() == vrrp.Master {
		err = errors.Join(err, r.Announce())
	}
	if err != nil {
		r.Warn(err.Error())
	}
}

// look brings the router in line with what is known of its interfaces.
func (r *router) look(now time.Time) {
	i, there := r.loop.watcher.Interface(r.setup.Interface)
	if !there {
		i = link.Interface{}
	}
	if i.Index != r.index {
		if r.index != 0 && r.Machine().Holding() {
			// It may live on under another name. What went with it is no error.
			_, _ = r.loop.links.RemoveAll(r.index, r.ours())
		}
		r.unbind()
		r.index = i.Index
	}
	r.fault = r.bind(i)
	for _, name := range r.setup.TrackInterfaces {
		if t, there := r.loop.watcher.Interface(name); r.fault.cause == "" && (!there || !t.Up) {
			r.fault = fault{cause: linkFault(name, there)}
		}
	}
	if r.Machine().State() == vrrp.Master && r.fault.cause == "" {
		r.restore(i)
	}
}

func linkFault(name string, there bool) string {
	if !there {
		return "the interface " + name + " is not there"
	}
	return "the interface " + name + " is down"
}

// bind readies what the router needs of its interface, and says why it can't.
func (r *router) bind(i link.Interface) fault {
	r.unready = false
	if !i.Up {
		return fault{linkFault(r.setup.Interface, i.Index != 0), true}
	}
	source, why := r.findSource(i)
	if why != "" {
		// An interface that has lost IPv6 has also left its groups: listen anew then.
		r.conn = nil
		return fault{why, true}
	}
	if r.conn == nil {
		conn, err := r.loop.listen(i, r.setup.IPv6())
		if err != nil {
			r.unready = true
			return fault{err.Error(), true}
		}
		r.conn = conn
	}
	if source != r.source {
		r.source = source
		r.SetSource(source)
	}
	if hardware := i.Hardware.String(); r.announcer == nil || hardware != r.hardware {
		r.closeAnnouncer()
		a, err := link.OpenAnnouncer(i.Index, i.Name, i.Hardware)
		if err != nil {
			r.unready = true
			return fault{err.Error(), true}
		}
		r.announcer, r.hardware = a, hardware
		if r.Machine().State() == vrrp.Master {
			if err := r.Announce(); err != nil {
				r.Warn(err.Error())
			}
		}
	}
	return fault{}
}

// findSource finds the address to send from: the one of the file for unicast, else the
// interface's first one over IPv4, its link-local one over IPv6. Virtual addresses that we
// add are none.
func (r *router) findSource(i link.Interface) (source netip.Addr, why string) {
	var held netip.Addr // on the host before us: the owner has no other
	for _, a := range i.Addresses {
		addr := a.Prefix.Addr()
		switch {
		case !a.Usable || addr.Is6() != r.setup.IPv6():
		case r.setup.Unicast != nil:
			if addr == r.setup.Unicast.Source {
				return addr, ""
			}
		case addr.Is6() && !addr.IsLinkLocalUnicast():
		case !r.loop.virtual(i.Name, a.Prefix):
			return addr, ""
		case !held.IsValid() && slices.Contains(r.setup.Foreign, a.Prefix):
			held = addr
		}
	}
	switch {
	case held.IsValid():
		return held, ""
	case r.setup.Unicast != nil:
		return source, fmt.Sprintf("%s has not the address %s, the unicast source", i.Name, r.setup.Unicast.Source)
	case r.setup.IPv6():
		return source, i.Name + " has no link-local IPv6 address to send from"
	default:
		return source, i.Name + " has no IPv4 address to send from"
	}
}

// restore puts back what somebody took off the interface of a master.
func (r *router) restore(i link.Interface) {
	on := make(map[netip.Addr]bool, len(i.Addresses)) // of whatever length: the address is answered
	for _, a := range i.Addresses {
		on[a.Prefix.Addr()] = true
	}
	lost := slices.DeleteFunc(r.setup.Held(), func(p netip.Prefix) bool { return on[p.Addr()] })
	if len(lost) == 0 {
		r.missing = false
		return
	}
	// The kernel's news may be late: it is asked itself.
	there, err := r.present(lost)
	if err != nil {
		r.missing = true // to be tried again
		r.Warn(err.Error())
		return
	}
	if lost = slices.DeleteFunc(lost, func(p netip.Prefix) bool { return slices.Contains(there, p) }); len(lost) == 0 {
		return
	}
	if !r.missing {
		r.Warn(fmt.Sprintf("somebody took %s off %s: put back, since this router is master", prefixes(lost), r.setup.Interface))
	}
	if err := errors.Join(r.AddAddresses(), r.Announce()); err != nil {
		r.Warn(err.Error())
	}
}

// unbind lets go of an interface that is gone.
func (r *router) unbind() {
	r.closeAnnouncer()
	r.conn, r.source = nil, netip.Addr{}
}

func (r *router) closeAnnouncer() {
	if r.announcer != nil {
		_ = r.announcer.Close()
		r.announcer = nil
	}
}
