package decide

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab/script"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// service finds a service of the file by its name.
func (w *world) service(name string) Service {
	w.t.Helper()
	i := slices.IndexFunc(w.services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		w.t.Fatalf("no service %q", name)
	}
	return w.services[i]
}

func (w *world) setService(args, lines []string) {
	w.t.Helper()
	s := Service{
		Name:         args[0],
		Head:         ipvs.Service{Key: key(w.t, args[1]), Scheduler: ipvs.DefaultScheduler},
		Quorum:       1,
		DrainTimeout: time.Minute,
	}
	for _, arg := range args[2:] {
		w.setOption(&s, arg)
	}
	for _, line := range lines {
		s.Servers = append(s.Servers, w.server(script.Words(w.t, line)))
	}
	if i := slices.IndexFunc(w.services, func(other Service) bool { return other.Name == s.Name }); i >= 0 {
		w.services[i] = s
	} else {
		w.services = append(w.services, s)
	}
	in := w.inputs[s.Head.Key]
	if in.Servers == nil {
		in.Servers = map[netip.AddrPort]ServerInputs{}
	}
	w.inputs[s.Head.Key] = in
}

func (w *world) setOption(s *Service, arg string) {
	w.t.Helper()
	name, value, _ := strings.Cut(arg, "=")
	switch name {
	case "scheduler":
		s.Head.Scheduler = value
	case "persistence":
		s.Head.Persistence = ipvs.Persistence{Timeout: duration(w.t, value), Prefix: 32}
	case "quorum":
		s.Quorum = number(w.t, value)
	case "hysteresis":
		s.Hysteresis = number(w.t, value)
	case "sorry":
		s.Sorry = &ipvs.Server{Address: address(w.t, value), Forward: ipvs.NAT, Weight: 1}
	case "on_failure":
		s.OnFailure = map[string]OnFailure{"remove": Remove, "quiesce": Quiesce}[value]
	case "fail_open_below":
		s.FailOpenBelow = number(w.t, strings.TrimSuffix(value, "%"))
	case "slow_start":
		s.SlowStart = duration(w.t, value)
	case "drain_timeout":
		s.DrainTimeout = duration(w.t, value)
	default:
		w.t.Fatalf("unknown option %q", arg)
	}
}

func (w *world) server(words []string) Server {
	w.t.Helper()
	s := Server{Server: ipvs.Server{Address: address(w.t, words[0]), Forward: ipvs.NAT, Weight: 1}}
	for _, word := range words[1:] {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "weight":
			s.Weight = number(w.t, value)
		case "max":
			s.MaxConnections = uint32(number(w.t, value))
		case "resume":
			s.ResumeConnections = uint32(number(w.t, value))
		case "checks":
			s.Checks = strings.Split(value, ",")
		default:
			w.t.Fatalf("unknown key %q", word)
		}
	}
	return s
}

func (w *world) setKernel(s Service, lines []string) string {
	w.t.Helper()
	found := s.Head.Head()
	for _, line := range lines {
		found.Servers = append(found.Servers, w.server(script.Words(w.t, line)).Server)
	}
	in := w.inputs[s.Head.Key]
	in.Adopted = &found
	w.inputs[s.Head.Key] = in
	w.memory = nil
	w.decide()
	return strings.Join(cuts(ipvs.Table{Services: []ipvs.Service{found}}, w.decision.Table), "") + w.String()
}

func (w *world) setCheck(s Service, words []string) {
	w.t.Helper()
	a := address(w.t, words[0])
	c := Check{Percent: 100}
	i := slices.IndexFunc(s.Servers, func(server Server) bool { return server.Address == a })
	if i < 0 {
		w.t.Fatalf("%s has no server %s", s.Name, a)
	}
	c.Name = s.Servers[i].Checks[0]
	c.Verdict = map[string]Verdict{"unknown": Unknown, "up": Up, "down": Down}[words[1]]
	for _, word := range words[2:] {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "check":
			c.Name = value
		case "percent":
			c.Percent = number(w.t, value)
		case "weight":
			c.Weight = Some(number(w.t, value))
		case "max":
			c.MaxConnections = Some(number(w.t, value))
		case "streak":
			c.Streak = number(w.t, value)
		case "starting":
			c.Starting = true
		case "draining":
			c.Mode = Draining
		case "maintenance":
			c.Mode = Maintenance
		default:
			c.Reason = word
		}
	}
	w.change(s, a, func(in *ServerInputs) {
		in.Checks = slices.DeleteFunc(in.Checks, func(other Check) bool { return other.Name == c.Name })
		in.Checks = append(in.Checks, c)
	})
}

func (w *world) setOverride(s Service, a netip.AddrPort, what string) {
	w.t.Helper()
	w.change(s, a, func(in *ServerInputs) {
		switch name, value, _ := strings.Cut(what, "="); {
		case name == "drain":
			in.Override.Drain, in.Override.Since = true, w.now
		case name == "maint":
			in.Override.Maint, in.Override.Since = true, w.now
		case name == "enable":
			in.Override = Override{Weight: in.Override.Weight}
		case value == "auto":
			in.Override.Weight = nil
		default:
			n := number(w.t, value)
			in.Override.Weight = &n
		}
	})
}

func (w *world) setConnections(s Service, a netip.AddrPort, args []string) {
	w.t.Helper()
	w.change(s, a, func(in *ServerInputs) {
		in.Connections = Connections{At: w.now}
		for _, arg := range args {
			name, value, _ := strings.Cut(arg, "=")
			n := uint32(number(w.t, value))
			switch name {
			case "active":
				in.Connections.Active = n
			case "inactive":
				in.Connections.Inactive = n
			case "persistent":
				in.Connections.Persistent = n
			default:
				w.t.Fatalf("unknown counter %q", arg)
			}
		}
	})
}

func (w *world) change(s Service, a netip.AddrPort, change func(*ServerInputs)) {
	in := w.inputs[s.Head.Key].Servers[a]
	change(&in)
	w.inputs[s.Head.Key].Servers[a] = in
}

func key(t *testing.T, s string) ipvs.Key {
	t.Helper()
	if mark, found := strings.CutPrefix(s, "fwmark:"); found {
		return ipvs.MarkKey(uint32(number(t, mark)), ipvs.IPv4)
	}
	where, protocol, _ := strings.Cut(s, "/")
	p, err := ipvs.ParseProtocol(protocol)
	if err != nil {
		t.Fatal(err)
	}
	return ipvs.AddressKey(p, address(t, where))
}

func address(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
