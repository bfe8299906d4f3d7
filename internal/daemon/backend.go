package daemon

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// The daemon answers the control socket.
var _ control.Backend = (*daemon)(nil)

// Status returns the whole picture.
func (d *daemon) Status(ctx context.Context) (control.Status, error) {
	var status control.Status
	var keys []ipvs.Key
	var file *config.Config
	if err := d.do(ctx, func() {
		file = d.file
		status.Director = d.directorStatus()
		for i := range d.file.Routers {
			status.VirtualRouters = append(status.VirtualRouters, d.routerStatus(&d.file.Routers[i]))
		}
		for _, s := range d.core.services {
			status.VirtualServices = append(status.VirtualServices, d.core.serviceStatus(s))
			keys = append(keys, s.config.Head.Key)
		}
	}); err != nil {
		return status, err
	}
	status.Director.Warnings = append(status.Director.Warnings, hostWarnings(file)...)
	status.Director.Warnings = append(status.Director.Warnings, lateness(d.engine.Stats())...)
	status.Director.Warnings = append(status.Director.Warnings, d.unheard()...)
	status.Heartbeats = d.heartbeatStatus()
	// Service by service, so that the reconciler need not wait for all.
	for i, key := range keys {
		if err := d.fillFromKernel(key, status.VirtualServices[i].RealServers); err != nil {
			status.Director.Warnings = append(status.Director.Warnings,
				"the kernel's table can't be read: what is in it, and connections, are shown as wanted: "+err.Error())
			break
		}
	}
	return status, nil
}

// fillFromKernel completes servers with what the kernel's table holds of them. Before
// the first reconcile, and after a refused change, that is not what is wanted.
func (d *daemon) fillFromKernel(key ipvs.Key, servers []control.Server) error {
	snapshot, err := d.table.ReadServices([]ipvs.Key{key})
	if err != nil {
		return err
	}
	found, _ := snapshot.Table.Service(key)
	for i := range servers {
		address, err := netip.ParseAddrPort(servers[i].Address)
		if err != nil {
			return err
		}
		var entry ipvs.Server
		entry, servers[i].InTable = found.Server(address)
		servers[i].Weight.Effective = entry.Weight
		n := snapshot.Counters[ipvs.ServerKey{Service: key, Address: address}]
		servers[i].Connections = control.Connections{Active: n.Active, Inactive: n.Inactive}
	}
	return nil
}

// directorStatus is the part of the picture that the loop knows.
func (d *daemon) directorStatus() control.DirectorStatus {
	s := control.DirectorStatus{
		Name: d.file.Director.Name, Version: d.Version, Ready: d.ready, Observe: d.Observe,
		ConfigFile: d.ConfigFile, ConfigLoadedAt: d.loadedAt, ConfigError: d.configError,
		Warnings: slices.Concat(d.notes, d.restart), Mastership: d.mastershipStatus(),
	}
	if d.tableError != "" {
		s.Warnings = append(s.Warnings, "the kernel's table is not as it should be: "+d.tableError)
	}
	var failures []string
	for _, key := range slices.SortedFunc(maps.Keys(d.failures), ipvs.Key.Compare) {
		for _, f := range d.failures[key] {
			failures = append(failures, "the kernel refused a change: "+f)
		}
	}
	s.Warnings = append(s.Warnings, few(failures, "changes were refused by the kernel")...)
	return s
}

func (c *core) serviceStatus(s *service) control.Service {
	r := s.decision.Report
	out := control.Service{
		Name: s.config.Name, Address: s.config.Head.Key.String(), Scheduler: s.config.Head.Scheduler,
		Quorum: control.Quorum{Pending: !r.Quorum.Judged, Met: r.Quorum.Met, Weight: r.Quorum.Weight, Needed: r.Quorum.Needed},
		Sorry:  r.Sorry, FailOpen: r.FailOpen,
		RealServers: []control.Server{},
	}
	for _, server := range r.Servers {
		out.RealServers = append(out.RealServers, c.serverStatus(s, server))
	}
	return out
}

func (c *core) serverStatus(s *service, r decide.ServerReport) control.Server {
	out := control.Server{
		Address: r.Address.String(), State: string(r.State),
		Weight:  control.Weight{Configured: r.Configured, Effective: r.Effective},
		InTable: r.InTable, Why: r.Why,
		Override: words(c.overrides.of(ipvs.ServerKey{Service: s.config.Head.Key, Address: r.Address})),
		Checks:   []control.Check{},
	}
	for _, named := range s.checksOf(r.Address) {
		ch := control.Check{Name: named.name, Kind: named.spec.Options.Kind()}
		if e := named.last; named.seen {
			ch.OK = e.Verdict == checker.Up
			ch.Streak, ch.At, ch.Error = e.Streak, e.At, e.Result.Reason
			ch.LatencyMS = float64(e.Result.Latency.Microseconds()) / 1000
		}
		out.Checks = append(out.Checks, ch)
	}
	return out
}

// checksOf are the checks of a server; none where it is not in the file.
func (s *service) checksOf(server netip.AddrPort) []namedCheck {
	i := slices.IndexFunc(s.config.Servers, func(known decide.Server) bool { return known.Address == server })
	if i < 0 {
		return nil
	}
	return s.checks[i]
}

// find finds a server by the names an operator gives: the service's name, and the
// server's address as `mainstay status` shows it; the port may be left out where it
// is the service's, or where one server only has that address.
func (c *core) find(serviceName, server string) (*service, ipvs.ServerKey, error) {
	i := slices.IndexFunc(c.services, func(s *service) bool { return s.config.Name == serviceName })
	if i < 0 {
		var known []string
		for _, s := range c.services {
			known = append(known, s.config.Name)
		}
		return nil, ipvs.ServerKey{}, fmt.Errorf("virtual service %q: %w (want %s)", serviceName, control.ErrNotFound, list(known))
	}
	s := c.services[i]
	address, err := serverAddress(s.config.Service, serverAddresses(s), server)
	return s, ipvs.ServerKey{Service: s.config.Head.Key, Address: address}, err
}

// serverAddresses are those of the file and those that still drain.
func serverAddresses(s *service) []netip.AddrPort {
	var addresses []netip.AddrPort
	for _, server := range s.config.Servers {
		addresses = append(addresses, server.Address)
	}
	for _, m := range s.memory.Servers {
		if !slices.Contains(addresses, m.Address) {
			addresses = append(addresses, m.Address)
		}
	}
	return addresses
}

// serverAddress finds the server of a service that an operator means.
func serverAddress(s decide.Service, among []netip.AddrPort, text string) (netip.AddrPort, error) {
	if want, err := netip.ParseAddrPort(text); err == nil && slices.Contains(among, want) {
		return want, nil
	}
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		var same []netip.AddrPort
		for _, a := range among {
			if a.Addr() == addr {
				same = append(same, a)
			}
		}
		if withPort := netip.AddrPortFrom(addr, s.Head.Address.Port()); slices.Contains(same, withPort) {
			return withPort, nil
		}
		if len(same) == 1 {
			return same[0], nil
		}
	}
	var known []string
	for _, a := range among {
		known = append(known, a.String())
	}
	return netip.AddrPort{}, fmt.Errorf("real server %q of the virtual service %s: %w (want %s)", text, s.Name, control.ErrNotFound, list(known))
}

// list joins names for a message that says what is wanted, a few of many.
func list(words []string) string {
	const most = 10
	switch {
	case len(words) == 0:
		return "none: there are none"
	case len(words) > most:
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" or one of %d others", len(words)-most)
	default:
		return strings.Join(words, ", ")
	}
}

// Explain returns what is known of one server.
func (d *daemon) Explain(ctx context.Context, serviceName, server string) (out control.Explanation, err error) {
	var key ipvs.ServerKey
	var checks []checker.Key
	if doErr := d.do(ctx, func() {
		var s *service
		if s, key, err = d.core.find(serviceName, server); err != nil {
			return
		}
		out = control.Explanation{Service: s.config.Name, Changes: d.core.history.of(key)}
		for _, r := range s.decision.Report.Servers {
			if r.Address == key.Address {
				out.Server = d.core.serverStatus(s, r)
			}
		}
		for _, named := range s.checksOf(key.Address) {
			checks = append(checks, named.spec.Key())
		}
	}); doErr != nil {
		return out, doErr
	}
	if err != nil {
		return out, err
	}
	d.addNotes(checks, out.Server.Checks)
	servers := []control.Server{out.Server}
	if err := d.fillFromKernel(key.Service, servers); err != nil {
		return out, err
	}
	out.Server = servers[0]
	return out, nil
}

// Override sets or clears what an operator tells a server to do.
func (d *daemon) Override(ctx context.Context, serviceName, server string, order control.Override) (err error) {
	if err := d.saving.take(ctx); err != nil {
		return err
	}
	defer d.saving.give()
	var toSave overrides
	if doErr := d.do(ctx, func() {
		var s *service
		var key ipvs.ServerKey
		if s, key, err = d.core.find(serviceName, server); err != nil {
			return
		}
		if err = d.core.overrides.set(time.Now(), key, order); err != nil {
			return
		}
		d.core.touch(s)
		toSave = d.core.overrides.copy()
	}); doErr != nil {
		return doErr
	}
	if err != nil || d.dir == nil {
		return err
	}
	if err := d.dir.Save(overridesFile, toSave); err != nil {
		return fmt.Errorf("done, but a restart will forget it: %w", err)
	}
	return nil
}
