package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/link"
	"github.com/mainstay-lvs/mainstay/internal/state"
)

// addresses are the virtual addresses that are ours: those that a mastership process has
// put on an interface, or may put there. They are recorded before it may, so that one that is
// found on an interface and is not recorded is somebody else's.
type addresses struct {
	Kernel state.Kernel              `json:"kernel"`
	Ours   map[string][]netip.Prefix `json:"ours"` // by interface
}

// has reports whether an address of an interface is ours.
func (a addresses) has(name string, p netip.Prefix) bool { return slices.Contains(a.Ours[name], p) }

// listAddresses asks the kernel for the addresses of an interface; one that is not there has none.
type listAddresses func(name string) ([]netip.Prefix, error)

// claim says what is ours with the routers of a file in force: what is recorded and still
// on its interface, and each address of the routers that is not on its interface yet.
// Foreign are those of the routers' addresses that somebody else put there.
func (a addresses) claim(here state.Kernel, routers []config.VirtualRouter, on listAddresses) (ours addresses, foreign map[string][]netip.Prefix, err error) {
	ours = addresses{Kernel: here, Ours: make(map[string][]netip.Prefix)}
	foreign = make(map[string][]netip.Prefix)
	present := make(map[string][]netip.Prefix)
	look := func(name string) error {
		if _, known := present[name]; known {
			return nil
		}
		found, err := on(name)
		present[name] = found
		return err
	}
	if a.Kernel == here {
		for name, prefixes := range a.Ours {
			if err := look(name); err != nil {
				return ours, nil, err
			}
			for _, p := range prefixes {
				if slices.Contains(present[name], p) {
					ours.Ours[name] = append(ours.Ours[name], p)
				}
			}
		}
	}
	for _, r := range routers {
		if err := look(r.Interface); err != nil {
			return ours, nil, err
		}
		for _, p := range r.Held() {
			if ours.has(r.Interface, p) {
				continue
			}
			// Of another length it is the same address to clients; IPv6 has it once only.
			i := slices.IndexFunc(present[r.Interface], func(o netip.Prefix) bool { return o.Addr() == p.Addr() })
			if i >= 0 {
				foreign[r.Name] = append(foreign[r.Name], present[r.Interface][i])
			}
			if i < 0 || present[r.Interface][i] != p && p.Addr().Is4() {
				ours.Ours[r.Interface] = append(ours.Ours[r.Interface], p)
			}
		}
	}
	return ours, foreign, nil
}

// stale are addresses of ours that are on an interface though no router of the file holds
// them, by interface.
func (a addresses) stale(routers []config.VirtualRouter) map[string][]netip.Prefix {
	stale := make(map[string][]netip.Prefix)
	for name, prefixes := range a.Ours {
		for _, p := range prefixes {
			if !slices.ContainsFunc(routers, func(r config.VirtualRouter) bool { return r.Interface == name && slices.Contains(r.Held(), p) }) {
				stale[name] = append(stale[name], p)
			}
		}
	}
	return stale
}

// holds reports whether an address of ours that a router of the file holds is on its
// interface.
func (a addresses) holds(routers []config.VirtualRouter, on listAddresses) bool {
	for _, r := range routers {
		found, err := on(r.Interface)
		if err != nil {
			continue
		}
		for _, p := range r.Held() {
			if a.has(r.Interface, p) && slices.Contains(found, p) {
				return true
			}
		}
	}
	return false
}

// onInterface asks the kernel for an interface's addresses.
func onInterface(name string) ([]netip.Prefix, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, nil // an interface that is not there has no addresses
	}
	conn, err := link.Open()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	list, err := conn.List(i.Index)
	var prefixes []netip.Prefix
	for _, a := range list {
		prefixes = append(prefixes, a.Prefix)
	}
	return prefixes, err
}

// removeAddresses takes addresses off interfaces.
func removeAddresses(stale map[string][]netip.Prefix) error {
	if len(stale) == 0 {
		return nil
	}
	conn, err := link.Open()
	if err != nil {
		return err
	}
	var errs []error
	for name, prefixes := range stale {
		i, err := net.InterfaceByName(name)
		if err != nil {
			continue // they went with it
		}
		if _, err := conn.RemoveAll(i.Index, prefixes); err != nil {
			errs = append(errs, fmt.Errorf("addresses of routers that are no longer in the file: %w", err))
		}
	}
	return errors.Join(append(errs, conn.Close())...)
}
