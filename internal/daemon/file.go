package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/checker/heartbeat"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
)

// load reads a file for use. What it said in its own words is dropped: nothing but
// printing it again needs that, and it is half of what is kept of a large file.
func load(name string) (*config.Config, config.Problems) {
	file, problems := config.Load(name)
	if file != nil {
		file.File = nil
	}
	poisoned(file)
	return file, problems
}

// Validate reads a file and says what is wrong with it, a line each, or in summary
// what it holds. Warnings are about the file, and about what on this host does not
// fit it.
func Validate(name string) (summary string, problems, warnings []string) {
	file, found := config.Load(name)
	for _, w := range found.Warnings {
		warnings = append(warnings, w.String())
	}
	if file == nil {
		for _, p := range found.Errors {
			problems = append(problems, p.String())
		}
		return "", problems, warnings
	}
	servers := 0
	for _, s := range file.Services {
		servers += len(s.Servers)
	}
	summary = fmt.Sprintf("%s is right: %s, %s", name,
		count(len(file.Services), "virtual service"), count(servers, "real server"))
	if n := len(file.Routers); n > 0 {
		summary += ", " + count(n, "virtual router")
	}
	if file.Relay != nil {
		summary += ", 1 relay"
	}
	return summary, nil, slices.Concat(warnings, sysctlWarnings(file, readSysctl), interfaceWarnings(file, hasInterface))
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Probe runs the checks of a service's servers once, now, or those of one of them,
// and shows what was sent and read.
func Probe(ctx context.Context, name, serviceName, server string) ([]control.Probe, error) {
	file, problems := config.Load(name)
	if file == nil {
		return nil, refused(problems.Errors)
	}
	i := slices.IndexFunc(file.Services, func(s config.Service) bool { return s.Name == serviceName })
	if i < 0 {
		var known []string
		for _, s := range file.Services {
			known = append(known, s.Name)
		}
		return nil, fmt.Errorf("virtual service %q: %w (want %s)", serviceName, control.ErrNotFound, list(known))
	}
	s := file.Services[i]
	only := netip.AddrPort{}
	if server != "" {
		var among []netip.AddrPort
		for _, known := range s.Servers {
			among = append(among, known.Address)
		}
		var err error
		if only, err = serverAddress(s.Service, among, server); err != nil {
			return nil, err
		}
	}
	engine, err := newEngine(file, new(allowance), heartbeat.Marks{}, nil)
	if err != nil {
		return nil, err
	}
	var probes []control.Probe
	for i, known := range s.Servers {
		if server != "" && known.Address != only {
			continue
		}
		for _, named := range s.Checks[i] {
			probes = append(probes, probe(ctx, engine, known.Address, named))
		}
	}
	return probes, nil
}

// probe runs one check.
func probe(ctx context.Context, engine *checker.Engine, server netip.AddrPort, named config.Check) control.Probe {
	r := engine.RunOnce(ctx, named.Spec)
	return control.Probe{
		Server: server.String(), Check: named.Name, Kind: named.Spec.Options.Kind(), Target: named.Spec.Target.String(),
		OK: r.Answer == checker.Success, Judged: judged(r), Reason: r.Reason, Latency: r.Latency, Sent: r.Sent, Read: r.Read,
	}
}

// judged is what a result counts as, in a few words.
func judged(r checker.Result) string {
	switch {
	case r.Answer == checker.Success && r.Mode == checker.Draining:
		return "drain"
	case r.Answer == checker.Success && r.Mode == checker.Maintenance:
		return "maint"
	case r.Answer == checker.Success:
		return "success"
	case r.Answer == checker.Failure:
		return "failure"
	case r.Answer == checker.Refusal && r.Starting:
		return "starting"
	case r.Answer == checker.Refusal:
		return "down at once"
	default:
		return "inconclusive"
	}
}
