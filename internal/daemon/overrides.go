package daemon

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// overridesFile is the state file of [overrides].
const overridesFile = "overrides.json"

// overrides are what operators told servers to do: by service, then by address.
type overrides map[string]map[string]override

// override is one server's, as it is saved.
type override struct {
	Drain  bool      `json:"drain,omitempty"`
	Maint  bool      `json:"maint,omitempty"`
	Weight *int      `json:"weight,omitempty"`
	Since  time.Time `json:"since,omitzero"` // of drain or maint
}

// of returns a server's override; the zero value where there is none.
func (o overrides) of(k ipvs.ServerKey) decide.Override {
	v := o[k.Service.String()][k.Address.String()]
	return decide.Override{Drain: v.Drain, Maint: v.Maint, Weight: v.Weight, Since: v.Since}
}

// set changes a server's override. An order that changes nothing keeps its time.
func (o overrides) set(now time.Time, k ipvs.ServerKey, order control.Override) error {
	service, server := k.Service.String(), k.Address.String()
	v := o[service][server]
	switch {
	case order.State == "drain" && !v.Drain:
		v.Drain, v.Maint, v.Since = true, false, now
	case order.State == "maint" && !v.Maint:
		v.Drain, v.Maint, v.Since = false, true, now
	case order.State == "enable":
		v.Drain, v.Maint, v.Since = false, false, time.Time{}
	case order.State == "drain" || order.State == "maint":
	case order.State != "":
		return fmt.Errorf("%q is not a state to set (want drain, maint or enable)", order.State)
	case order.Weight == "auto":
		v.Weight = nil
	default:
		n, err := strconv.Atoi(order.Weight)
		if err != nil || n < 0 || n > 65535 {
			return fmt.Errorf("%q is not a weight (want 0 to 65535, or auto)", order.Weight)
		}
		v.Weight = &n
	}
	if o[service] == nil {
		o[service] = make(map[string]override)
	}
	o[service][server] = v
	o.keep(func(ipvs.ServerKey) bool { return true })
	return nil
}

// keep drops what is empty, and servers that are not known.
func (o overrides) keep(known func(ipvs.ServerKey) bool) {
	for service, servers := range o {
		for server, v := range servers {
			key, err := serverKey(service, server)
			if v == (override{}) || err != nil || !known(key) {
				delete(servers, server)
			}
		}
		if len(servers) == 0 {
			delete(o, service)
		}
	}
}

// words are an override as `mainstay status` shows it; empty: none.
func words(o decide.Override) string {
	var words []string
	if o.Maint {
		words = append(words, "maint")
	}
	if o.Drain {
		words = append(words, "drain")
	}
	if o.Weight != nil {
		words = append(words, fmt.Sprintf("weight %d", *o.Weight))
	}
	return strings.Join(words, ", ")
}
