package decide

import (
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// candidate is one server on its way into the table, or not.
type candidate struct {
	address netip.AddrPort
	file    *Server // read only; of the zero value when it is leaving
	leaving bool    // it is not in the file
	in      ServerInputs
	was     *ServerMemory // read only

	health    health
	weight    int // W: the operator's, a check's or the configured one, 0..65535
	state     State
	drain     Drain
	recovered time.Time

	listed  bool // it is in the wanted table
	entry   ipvs.Server
	ramp    ramp
	applied Applied
	due     time.Time // when what has to wait of the checks' wishes is applied; zero: nothing waits
	open    bool      // it failed, and fail open serves it
	waits   bool      // it made way for the sorry server
	asSorry bool      // its address is the sorry server's, which serves
}

// What a candidate points to that is not in the file, or not remembered.
var (
	notInFile Server
	noMemory  ServerMemory
)

// held reports whether the server stays as it was found until its first verdict.
func (c *candidate) held() bool {
	return c.was.Found.Address.IsValid() && c.state == StateStarting && c.health.verdict == Unknown
}

// candidates are the servers of the file in its order, then those that are in the
// table without being in the file, by address.
func (d *decider) candidates(in ServiceInputs, memory ServiceMemory) []candidate {
	candidates := make([]candidate, 0, max(len(d.service.Servers), len(memory.Servers)))
	named := make([]bool, len(memory.Servers))
	for i := range d.service.Servers {
		file := &d.service.Servers[i]
		was := &noMemory
		if i, found := memory.find(file.Address); found {
			named[i] = true
			was = &memory.Servers[i]
		}
		if was.Leaving { // it is back: as one found in the kernel
			was = &ServerMemory{Listed: was.Listed, Entry: was.Entry, Found: was.Entry}
		}
		candidates = append(candidates, candidate{
			address: file.Address, file: file, in: in.Servers[file.Address], was: was,
		})
	}
	for i := range memory.Servers {
		if was := &memory.Servers[i]; !named[i] && was.Listed {
			candidates = append(candidates, candidate{
				address: was.Address, file: &notInFile, leaving: true, in: in.Servers[was.Address], was: was,
			})
		}
	}
	return candidates
}

// stand finds out how a server stands, whatever the others do.
func (d *decider) stand(c *candidate) {
	c.health = judge(c.file.Checks, c.in.Checks, c.was)
	c.weight = c.weightWith(c.health.weight.Optional)
	c.drain = d.drainOf(c)

	switch {
	case c.in.Override.Maint, c.health.maint != nil:
		c.state = StateMaint
	case !c.drain.Since.IsZero():
		c.state = StateDrain
	case c.health.verdict == Down && !c.health.starting:
		c.state = StateDown
	case c.health.verdict != Up:
		c.state = StateStarting
	default:
		c.state = StateUp
	}
	c.recovered = d.recoveredOf(c)
}

// weightWith is W where the checks ask for a weight, or for none. The operator goes
// before them.
func (c *candidate) weightWith(asked Optional) int {
	w := c.file.Weight
	switch {
	case c.in.Override.Weight != nil:
		w = *c.in.Override.Weight
	case asked.Given:
		w = asked.Value
	}
	return min(max(w, 0), maxWeight)
}

// recoveredOf returns when a server's slow start began, zero when it has none or it
// is over. A server without checks has nothing to recover from.
func (d *decider) recoveredOf(c *candidate) time.Time {
	recovered := c.was.Recovered
	if c.was.Failed && c.state == StateUp || recovered.After(d.now) {
		recovered = d.now
	}
	if c.health.verdict == Down || len(c.health.checks) == 0 || d.hash {
		return time.Time{}
	}
	if _, grows := rampAt(d.now.Sub(recovered), d.service.SlowStart); grows == 0 {
		return time.Time{}
	}
	return recovered
}
