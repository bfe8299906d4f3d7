package link

import (
	"bytes"
	"net"
	"slices"

	"golang.org/x/sys/unix"
)

// picture is what is known of the interfaces that are followed, by their names, whether
// they are there or not. It is pure: events are applied to it, and answers to requests
// are loaded into it.
//
// Where names and numbers of interfaces disagree with it, it does not guess: the name
// is marked unread, and whoever owns the picture asks the kernel. That is so when an
// interface is made, or renamed from or to a name that is followed. All other events
// say everything themselves.
type picture struct {
	names   map[string]*entry
	indexes map[int]*entry // those that are there
	touched []*entry       // since the last call of changes
}

// entry is one name that is followed.
type entry struct {
	name     string
	there    bool
	index    int
	up       bool
	ethernet bool
	mtu      int
	hardware net.HardwareAddr
	ipv4     []record
	ipv6     []record

	unread  bool // the kernel must be asked
	touched bool
	before  Interface // as it was when it was touched first
	was     bool      // and whether it was there
}

func newPicture() *picture {
	return &picture{names: make(map[string]*entry), indexes: make(map[int]*entry)}
}

// follow makes names the names that are followed, and returns the new ones, which are
// unread.
func (p *picture) follow(names []string) (added []*entry) {
	for name, e := range p.names {
		if !slices.Contains(names, name) {
			p.lose(e)
			delete(p.names, name)
		}
	}
	p.touched = slices.DeleteFunc(p.touched, func(e *entry) bool { return p.names[e.name] != e })
	for _, name := range names {
		if p.names[name] == nil {
			e := &entry{name: name, unread: true}
			p.names[name] = e
			added = append(added, e)
		}
	}
	return added
}

// settle has what was read of the entries so far count as no change.
func (p *picture) settle(entries []*entry) {
	for _, e := range entries {
		e.touched = e.touched && e.unread
	}
	p.touched = slices.DeleteFunc(p.touched, func(e *entry) bool { return !e.touched })
}

// event applies a message of the kernel's. It reports whether anything that is followed
// is concerned.
func (p *picture) event(h header, body []byte) bool {
	switch h.kind {
	case unix.RTM_NEWLINK:
		return p.newLink(body)
	case unix.RTM_DELLINK:
		f, ok := parseLink(body)
		e := p.indexes[f.index]
		if !ok || e == nil {
			return false
		}
		p.touch(e)
		p.lose(e)
		return true
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		// Most are about interfaces that nobody asked for.
		if len(body) < unix.SizeofIfAddrmsg || p.indexes[int(int32(native.Uint32(body[4:])))] == nil {
			return false
		}
		index, r, ok := parseAddress(body)
		if !ok {
			return false
		}
		e := p.indexes[index]
		p.touch(e)
		e.address(h.kind == unix.RTM_NEWADDR, r)
		return true
	}
	return false
}

func (p *picture) newLink(body []byte) bool {
	f, ok := parseLink(body)
	if !ok {
		return false
	}
	by := p.indexes[f.index]
	named := p.names[string(f.name)]
	if by == nil && named == nil {
		return false
	}
	if by == named {
		p.touch(by)
		by.link(f)
		return true
	}
	for _, e := range []*entry{by, named} {
		if e != nil {
			p.touch(e)
			p.lose(e)
			e.unread = true
		}
	}
	return true
}

// load takes in what the kernel answered about a name: facts are nil where there is no
// such interface. The addresses are in the order of the answer.
func (p *picture) load(e *entry, f *linkFacts, addresses []record) {
	p.touch(e)
	p.lose(e)
	e.unread = false
	if f == nil {
		return
	}
	if other := p.indexes[f.index]; other != nil { // renamed between two requests
		p.touch(other)
		p.lose(other)
		other.unread = true
	}
	e.there, e.index = true, f.index
	p.indexes[f.index] = e
	e.link(*f)
	for _, r := range addresses {
		if r.Prefix.Addr().Is4() {
			e.ipv4 = append(e.ipv4, r)
		} else {
			e.ipv6 = placeIPv6(e.ipv6, r)
		}
	}
}

// lose forgets the interface of a name.
func (p *picture) lose(e *entry) {
	if e.there {
		delete(p.indexes, e.index)
	}
	*e = entry{name: e.name, unread: e.unread, touched: e.touched, before: e.before, was: e.was}
}

func (p *picture) touch(e *entry) {
	if e.touched {
		return
	}
	e.touched, e.before, e.was = true, e.value(), e.there
	p.touched = append(p.touched, e)
}

// changes names the interfaces that are not as they were at the last call. Names that
// are still unread are left for a later call.
func (p *picture) changes() []string {
	var names []string
	keep := p.touched[:0]
	for _, e := range p.touched {
		if e.unread {
			keep = append(keep, e)
			continue
		}
		e.touched = false
		if e.there != e.was || e.there && !e.value().Equal(e.before) {
			names = append(names, e.name)
		}
	}
	p.touched = keep
	slices.Sort(names)
	return names
}

// unread returns the names about which the kernel must be asked.
func (p *picture) unread() []*entry {
	var entries []*entry
	for _, e := range p.names {
		if e.unread {
			entries = append(entries, e)
		}
	}
	return entries
}

// markAll has the kernel asked about all names.
func (p *picture) markAll() {
	for _, e := range p.names {
		e.unread = true
	}
}

// link takes over what a message says. Some say a part only: what they leave out stays.
func (e *entry) link(f linkFacts) {
	e.up, e.ethernet = f.up, f.ethernet
	if f.mtu != 0 {
		e.mtu = f.mtu
	}
	if f.hardware != nil && !bytes.Equal(e.hardware, f.hardware) {
		e.hardware = bytes.Clone(f.hardware)
	}
}

func (e *entry) address(added bool, r record) {
	ipv4 := r.Prefix.Addr().Is4()
	switch {
	case ipv4 && added:
		e.ipv4 = placeIPv4(e.ipv4, r)
	case ipv4:
		e.ipv4 = without(e.ipv4, r)
	case added:
		e.ipv6 = placeIPv6(e.ipv6, r)
	default:
		e.ipv6 = without(e.ipv6, r)
	}
}

// value is the entry for others to keep.
func (e *entry) value() Interface {
	i := Interface{
		Index: e.index, Name: e.name, Up: e.up, MTU: e.mtu, Ethernet: e.ethernet, Hardware: bytes.Clone(e.hardware),
	}
	for _, list := range [][]record{e.ipv4, e.ipv6} {
		for _, r := range list {
			i.Addresses = append(i.Addresses, r.Address)
		}
	}
	return i
}
