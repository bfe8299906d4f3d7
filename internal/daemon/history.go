package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

const (
	// historyFile is the state file of [history].
	historyFile = "history.json"
	// historyLength is how many changes of each server are kept.
	historyLength = 20
	// ramp is how close together two changes of weight alone are one: those of a
	// slow start come each second, and would push out all others.
	ramp = 5 * time.Second
)

// history is what each server went through. It outlives restarts, and only feeds
// `mainstay explain`.
type history struct {
	Servers map[string]map[string][]control.Change `json:"servers"` // by service, then by address
	Routers map[string][]control.Change            `json:"routers"` // by name
	changed bool                                   // since it was last saved
}

func newHistory() *history {
	return &history{Servers: make(map[string]map[string][]control.Change), Routers: make(map[string][]control.Change)}
}

// add records a change, its cause being the reason that the decision gave.
func (h *history) add(now time.Time, c change) {
	service, server := c.service.config.Head.Key.String(), c.is.Address.String()
	entry := control.Change{At: now, From: standing(c.was), To: standing(c.is), Cause: c.is.Why}
	if h.Servers[service] == nil {
		h.Servers[service] = make(map[string][]control.Change)
	}
	list := h.Servers[service][server]
	weightOnly := c.was.State == c.is.State && c.was.InTable == c.is.InTable
	if n := len(list); n > 0 && weightOnly && list[n-1].To == entry.From && onlyWeight(list[n-1]) && now.Sub(list[n-1].At) <= ramp {
		entry.From = list[n-1].From
		list[n-1] = entry
	} else {
		list = append(list, entry)
	}
	h.Servers[service][server] = list[max(0, len(list)-historyLength):]
	h.changed = true
}

// addRouter records a change of a virtual router's state.
func (h *history) addRouter(name string, c control.Change) {
	list := append(h.Routers[name], c)
	h.Routers[name] = list[max(0, len(list)-historyLength):]
	h.changed = true
}

// ofRouter returns what a virtual router went through, oldest first.
func (h *history) ofRouter(name string) []control.Change { return slices.Clone(h.Routers[name]) }

// onlyWeight reports whether a recorded change was one of weight alone.
func onlyWeight(c control.Change) bool {
	from, _, in := strings.Cut(c.From, ", weight ")
	to, _, still := strings.Cut(c.To, ", weight ")
	return in && still && from == to
}

// of returns what a server went through, oldest first.
func (h *history) of(k ipvs.ServerKey) []control.Change {
	return append([]control.Change(nil), h.Servers[k.Service.String()][k.Address.String()]...)
}

// keep drops what is not known.
func (h *history) keep(known func(ipvs.ServerKey) bool) {
	for service, servers := range h.Servers {
		for server := range servers {
			if key, err := serverKey(service, server); err != nil || !known(key) {
				delete(servers, server)
				h.changed = true
			}
		}
		if len(servers) == 0 {
			delete(h.Servers, service)
		}
	}
}

// standing is a server's state and place in the table in a few words; empty for
// one that was not there.
func standing(r decide.ServerReport) string {
	switch {
	case r.State == "" && !r.Address.IsValid():
		return ""
	case r.State == "":
		return "gone"
	case r.InTable:
		return fmt.Sprintf("%s, weight %d", r.State, r.Effective)
	default:
		return string(r.State) + ", not in the table"
	}
}

// serverKey reads the two names that a server goes by in state files.
func serverKey(service, server string) (ipvs.ServerKey, error) {
	key, err := ipvs.ParseKey(service)
	if err != nil {
		return ipvs.ServerKey{}, err
	}
	address, err := netip.ParseAddrPort(server)
	return ipvs.ServerKey{Service: key, Address: address}, err
}
