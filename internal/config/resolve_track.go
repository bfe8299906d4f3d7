package config

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

// maxTracked bounds the interfaces, and the commands, that one router follows.
const maxTracked = 64

// track resolves what the router follows.
func (r *routerResolver) track(out *VirtualRouter) {
	if !r.Track.Given || r.Track.bad {
		return
	}
	t := r.Track.V
	out.TrackInterfaces = r.trackedInterfaces(t.Interfaces)
	out.Services = r.trackedServices(t.VirtualServices)
	out.Commands = r.trackedCommands(t.Commands)
	if r.Priority.V == vrrp.OwnerPriority {
		for _, at := range penaltiesAt(t) {
			r.errorf(at, "nothing is ever taken off priority 255, the owner's (want another priority, or this left out)")
		}
	}
}

// penaltiesAt is where the lists stand that have penalties.
func penaltiesAt(t TrackKeys) []place {
	var all []place
	if len(t.VirtualServices.V) > 0 {
		all = append(all, t.VirtualServices.at)
	}
	if len(t.Commands.V) > 0 {
		all = append(all, t.Commands.at)
	}
	return all
}

func (r *routerResolver) trackedInterfaces(list Value[[]Value[string]]) []string {
	if len(list.V) > maxTracked {
		r.errorf(list.at, "has %d interfaces (want at most %d)", len(list.V), maxTracked)
	}
	seen := firsts[string]{}
	for _, v := range list.V {
		if v.bad {
			continue
		}
		if line, again := seen.again(v.V, v.at); again {
			r.errorf(v.at, "is the same interface as in line %d (want each once)", line)
		}
		if !r.Interface.bad && v.V == r.Interface.V {
			r.warnf(v.at, "is the router's own interface, which it follows anyway (want it left out)")
		}
	}
	return given(list)
}

func (r *routerResolver) trackedServices(list Value[[]Value[TrackedServiceKeys]]) []TrackedService {
	var all []TrackedService
	seen := firsts[string]{}
	for _, v := range list.V {
		if v.bad || v.V.Name.bad {
			continue
		}
		name := v.V.Name
		if line, again := seen.again(name.V, name.at); again {
			r.errorf(name.at, "is the same virtual service as in line %d (want each tracked once)", line)
		}
		all = append(all, TrackedService{Name: name.V, Key: r.serviceNamed(name), Penalty: v.V.Penalty.V})
	}
	return all
}

// serviceNamed finds the key of a virtual service by its name.
func (r *routerResolver) serviceNamed(name Value[string]) ipvs.Key {
	key, ok := r.among.services[name.V]
	switch names := slices.Sorted(maps.Keys(r.among.services)); {
	case ok || r.among.unnamed:
	case len(names) == 0:
		r.errorf(name.at, "there is no virtual service named %s (want it under virtual_services)", quote(name.V))
	default:
		r.errorf(name.at, "there is no virtual service named %s (%s)", quote(name.V), wanted(name.V, names))
	}
	return key
}

// thisHost is the target of tracked commands: they are about the director itself.
var thisHost = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)

func (r *routerResolver) trackedCommands(list Value[[]Value[TrackedCommandKeys]]) []TrackedCommand {
	if len(list.V) > maxTracked {
		r.errorf(list.at, "has %d commands (want at most %d)", len(list.V), maxTracked)
		return nil
	}
	var all []TrackedCommand
	seen := firsts[string]{}
	for _, v := range list.V {
		if v.bad {
			continue
		}
		k := v.V
		command := r.command(k.Command)
		timing := r.timing(&CheckKeys{Interval: k.Interval, Timeout: k.Timeout, Fall: k.Fall, Rise: k.Rise})
		all = append(all, TrackedCommand{
			Name:    commandName(command.Argv),
			Spec:    checker.Spec{Target: thisHost, Options: command, Timing: timing},
			Penalty: k.Penalty.V,
		})
		if k.Command.bad || slices.ContainsFunc(k.Command.V, func(a Value[string]) bool { return a.bad }) {
			continue
		}
		if line, again := seen.again(strings.Join(command.Argv, "\x00"), k.Command.at); again {
			r.errorf(k.Command.at, "is the same command as in line %d (want each once)", line)
		}
	}
	return all
}

// commandName is a command on one line, shortened.
func commandName(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = shown(a)
	}
	name := []rune(strings.Join(words, " "))
	if len(name) > maxQuoted {
		return string(name[:maxQuoted]) + "…"
	}
	return string(name)
}
