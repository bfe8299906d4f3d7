package daemon

import (
	"slices"
	"sync"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// allowanceShare is the part of a service's weight, one in so many, that refused redials of
// watches may take out at once within one interval.
const allowanceShare = 4

// allowance limits what one event can take out of the table by the shortest way: a refused
// redial of a watch is down at once for the larger of one server and a quarter of its
// service's weight in each interval of the check. Beyond that the redials' failures are
// counted as all others are. It may be used from any goroutine.
type allowance struct {
	mu       sync.Mutex
	shares   map[checker.Key][]share
	total    map[ipvs.Key]int // the weight of all servers of a service
	spending map[ipvs.Key][]spent
}

// share is what hangs on one check in one service.
type share struct {
	service  ipvs.Key
	servers  int
	weight   int
	interval time.Duration
}

// spent is weight that was taken out at once, and counts for an interval of its check.
type spent struct {
	until  time.Time
	weight int
}

// set makes the services those of a file; what was spent of those that stay is kept.
func (a *allowance) set(services []config.Service) {
	shares := make(map[checker.Key][]share)
	total := make(map[ipvs.Key]int, len(services))
	for _, s := range services {
		key := s.Head.Key
		for i, server := range s.Servers {
			total[key] += server.Weight
			for _, c := range s.Checks[i] {
				if watches(c.Spec.Options) {
					addShare(shares, c.Spec, key, server.Weight)
				}
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shares, a.total = shares, total
	spending := make(map[ipvs.Key][]spent)
	for key, list := range a.spending {
		if _, stays := total[key]; stays {
			spending[key] = list
		}
	}
	a.spending = spending
}

// watches tells whether a check stays connected, and so knows of a program's end.
func watches(o checker.Options) bool {
	switch o := o.(type) {
	case checker.Monitor:
		return o.Mode == checker.Watch
	case checker.GRPC:
		return o.Watch
	}
	return false
}

// addShare adds a server to what hangs on a check.
func addShare(shares map[checker.Key][]share, spec checker.Spec, service ipvs.Key, weight int) {
	key := spec.Key()
	i := slices.IndexFunc(shares[key], func(s share) bool { return s.service == service })
	if i < 0 {
		shares[key] = append(shares[key], share{service: service, interval: spec.Timing.Interval})
		i = len(shares[key]) - 1
	}
	shares[key][i].servers++
	shares[key][i].weight += weight
}

// allow says whether the servers of a check are down at once, and remembers that they are.
// Where several services use the check, each of them must have room for it.
func (a *allowance) allow(now time.Time, key checker.Key) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	shares := a.shares[key]
	for _, s := range shares {
		if !a.room(now, s) {
			return false
		}
	}
	for _, s := range shares {
		a.spending[s.service] = append(a.spending[s.service], spent{now.Add(s.interval), s.weight})
	}
	return len(shares) > 0
}

// room tells whether a service can do without one more share now.
func (a *allowance) room(now time.Time, s share) bool {
	recent := slices.DeleteFunc(a.spending[s.service], func(x spent) bool { return !now.Before(x.until) })
	a.spending[s.service] = recent
	weight := s.weight
	for _, x := range recent {
		weight += x.weight
	}
	return s.servers == 1 && len(recent) == 0 || allowanceShare*weight <= a.total[s.service]
}
