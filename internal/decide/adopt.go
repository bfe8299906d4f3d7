package decide

import (
	"net/netip"
	"slices"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// adopt makes the memory for the first decision about a service, out of what the
// kernel holds of it (nil: nothing) and the drains kept over a restart. Servers of
// the file are held as they are; others have only their place in the table and
// will drain.
func adopt(service *Service, found *ipvs.Service, kept ServiceMemory) ServiceMemory {
	m := ServiceMemory{Seen: true}
	var entries []ipvs.Server
	if found != nil {
		entries = found.Servers
	}
	m.Sorry = sorryFound(service, entries)
	m.Met = service.Sorry != nil && !m.Sorry && serves(entries)

	file := make(map[netip.AddrPort]bool, len(service.Servers))
	for _, server := range service.Servers {
		file[server.Address] = true
	}
	drains := make(map[netip.AddrPort]Drain, len(kept.Servers))
	for _, s := range kept.Servers {
		drains[s.Address] = s.Drain
	}
	for _, entry := range entries {
		named := file[entry.Address]
		sorry := m.Sorry && entry.Address == service.Sorry.Address
		if sorry && !named {
			continue
		}
		s := ServerMemory{
			Address: entry.Address,
			Listed:  true,
			Entry:   entry,
			Leaving: !named,
			Drain:   drains[entry.Address],
		}
		if named && !sorry {
			s.Found = entry
		}
		m.Servers = append(m.Servers, s)
		delete(drains, entry.Address)
	}
	for address, drain := range drains { // drained before the restart
		if file[address] {
			m.Servers = append(m.Servers, ServerMemory{Address: address, Drain: drain})
		}
	}
	m.sort()
	return m
}

// sorryFound reports whether the kernel's entry at the sorry server's address is
// the sorry server: with weight 0 it only drains. Where the file also has that
// address as a real server, it is when the entry looks like the sorry server's and
// nobody else serves.
func sorryFound(service *Service, entries []ipvs.Server) bool {
	if service.Sorry == nil {
		return false
	}
	named := slices.ContainsFunc(service.Servers, func(s Server) bool { return s.Address == service.Sorry.Address })
	found, others := false, false
	for _, e := range entries {
		switch {
		case e.Weight == 0:
		case e.Address == service.Sorry.Address:
			found = !named || e == sorryEntry(service)
		default:
			others = true
		}
	}
	return found && !(named && others)
}

// serves reports whether the kernel gives connections to somebody.
func serves(entries []ipvs.Server) bool {
	return slices.ContainsFunc(entries, func(e ipvs.Server) bool { return e.Weight > 0 })
}
