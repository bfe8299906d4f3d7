package ipvs

import (
	"fmt"
	"net/netip"
)

// Op is what a [Change] does.
type Op uint8

// The operations, in the words of ipvsadm's options.
const (
	AddService    Op = iota + 1 // -A
	EditService                 // -E
	DeleteService               // -D; its servers go with it
	AddServer                   // -a
	EditServer                  // -e
	DeleteServer                // -d
)

// Change is one change of the kernel's table.
type Change struct {
	Op      Op
	Service Service // without servers; for a delete and for servers only its key counts
	Server  Server  // of AddServer, EditServer and DeleteServer
	// Was is the server before an EditServer, and WasService the service before an
	// EditService, as the kernel held them when the plan was made.
	Was        Server
	WasService Service
}

// String returns the change as the words that follow `ipvsadm`, so that an
// operator could make it by hand.
func (c Change) String() string {
	switch c.Op {
	case AddService:
		return c.Service.rule()
	case EditService:
		return "-E" + c.Service.rule()[len("-A"):]
	case DeleteService:
		return "-D " + c.Service.Key.option()
	case AddServer:
		return c.Server.rule(c.Service.Key)
	case EditServer:
		return "-e" + c.Server.rule(c.Service.Key)[len("-a"):]
	case DeleteServer:
		return fmt.Sprintf("-d %s -r %s", c.Service.Key.option(), c.Server.Address)
	default:
		return fmt.Sprintf("unknown operation %d", c.Op)
	}
}

// Plan returns the changes that lead from one table to another, in the order in
// which they are to be made: service by service in the order of wanted, each
// service's head first, then its new servers, edited servers, and last those that
// leave, so that a service is never emptier than both tables; then the services
// that are not wanted. What the kernel can edit is edited in place, so that open
// connections live on. Services of current that are not wanted are deleted: the
// caller leaves out of current what is not its own.
func Plan(current, wanted Table) []Change {
	have := make(map[Key]Service, len(current.Services))
	for _, s := range current.Services {
		have[s.Key] = s
	}
	var changes []Change
	want := make(map[Key]bool, len(wanted.Services))
	for _, w := range wanted.Services {
		want[w.Key] = true
		h, found := have[w.Key]
		switch {
		case !found:
			changes = append(changes, Change{Op: AddService, Service: w.Head()})
		case !h.SameHead(w):
			changes = append(changes, Change{Op: EditService, Service: w.Head(), WasService: h.Head()})
		}
		changes = append(changes, planServers(w, h.Servers)...)
	}
	for _, h := range current.Services {
		if !want[h.Key] {
			changes = append(changes, Change{Op: DeleteService, Service: h.Head()})
		}
	}
	return changes
}

// planServers plans one service's servers: added, then edited, then deleted.
func planServers(w Service, current []Server) []Change {
	var added, edited, deleted []Change
	have := make(map[netip.AddrPort]Server, len(current))
	for _, s := range current {
		have[s.Address] = s
	}
	for _, s := range w.Servers {
		h, found := have[s.Address]
		delete(have, s.Address)
		switch {
		case !found:
			added = append(added, Change{Op: AddServer, Service: w.Head(), Server: s})
		case h != s:
			edited = append(edited, Change{Op: EditServer, Service: w.Head(), Server: s, Was: h})
		}
	}
	for _, s := range current {
		if _, left := have[s.Address]; left {
			deleted = append(deleted, Change{Op: DeleteServer, Service: w.Head(), Server: s})
		}
	}
	return append(append(added, edited...), deleted...)
}

// Apply returns the table that a list of changes makes of this one, as the kernel
// would: it is what tests and previews check a plan against. A change that the
// kernel would refuse is an error that names it.
func (t Table) Apply(changes []Change) (Table, error) {
	byKey := make(map[Key]*Service, len(t.Services))
	var order []*Service
	for _, s := range t.Services {
		s.Servers = append([]Server(nil), s.Servers...)
		byKey[s.Key] = &s
		order = append(order, &s)
	}
	for _, c := range changes {
		s := byKey[c.Service.Key]
		if (s == nil) != (c.Op == AddService) {
			return Table{}, fmt.Errorf("%s: the virtual service exists: %v", c, s != nil)
		}
		switch c.Op {
		case AddService:
			added := c.Service.Head()
			byKey[added.Key] = &added
			order = append(order, &added)
		case EditService:
			head := c.Service.Head()
			head.Servers = s.Servers
			*s = head
		case DeleteService:
			delete(byKey, c.Service.Key)
		default:
			if err := s.applyServer(c); err != nil {
				return Table{}, err
			}
		}
	}
	var out Table
	for _, s := range order {
		if byKey[s.Key] == s {
			out.Services = append(out.Services, *s)
		}
	}
	return out, nil
}

func (s *Service) applyServer(c Change) error {
	at := -1
	for i, server := range s.Servers {
		if server.Address == c.Server.Address {
			at = i
		}
	}
	if (at < 0) != (c.Op == AddServer) {
		return fmt.Errorf("%s: the real server exists: %v", c, at >= 0)
	}
	switch c.Op {
	case AddServer:
		s.Servers = append(s.Servers, c.Server)
	case EditServer:
		s.Servers[at] = c.Server
	case DeleteServer:
		s.Servers = append(s.Servers[:at], s.Servers[at+1:]...)
	}
	return nil
}
