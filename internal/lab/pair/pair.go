package pair

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// Pair is directors of one virtual router, two or more, a client and a third host, all
// on one segment.
type Pair struct {
	Lab       *lab.Lab
	Router    Router
	Directors []*Director
	Client    *lab.Host // 192.0.2.10
	Third     *lab.Host // 192.0.2.50: what fails is never this one
	t         lab.T
	journal   *journal
	witnesses []*lab.Process
}

// ThirdAddress is the address of the host that never fails.
const ThirdAddress = "192.0.2.50"

// New sets the hosts up, and has them watched. No director is started.
func New(t lab.T, r Router, members ...Member) *Pair {
	t.Helper()
	dir, err := os.MkdirTemp("", "pair-") // a socket's path must be short
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := lab.New(t)
	p := &Pair{t: t, Lab: l, Router: r, journal: newJournal()}
	p.Client = l.Host("client").Join(Segment, "192.0.2.10/24", "2001:db8::10/64").
		// What it knows of its neighbours must not run out in the middle of a measurement.
		Sysctl("net.ipv4.neigh."+Segment+".base_reachable_time_ms", "3600000")
	p.Third = l.Host("third").Join(Segment, ThirdAddress+"/24")
	for i, m := range members {
		d := &Director{Member: m, pair: p, number: i + 1, dir: fmt.Sprintf("%s/%d", dir, i+1)}
		if err := os.Mkdir(d.dir, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
		d.Host = l.Host("lb-"+string(rune('a'+i))).
			// Its link-local address can be used at once.
			Sysctl("net.ipv6.conf.default.accept_dad", "0").
			Join(Segment, fmt.Sprintf("192.0.2.%d/24", 10+d.number), fmt.Sprintf("2001:db8::%d/64", 10+d.number))
		d.witness = p.watch(d.Host, "addresses", func(fields []string) { p.addressSeen(d, fields) })
		p.Directors = append(p.Directors, d)
	}
	p.watch(l.Switch(), "adverts", p.advertSeen)
	return p
}

// T is the test, or its stand-in, that the pair was made for.
func (p *Pair) T() lab.T { return p.t }

// watch starts a witness in a host, waits until it sees everything, and returns its
// number. The fields are those of a line after its time.
func (p *Pair) watch(h *lab.Host, what string, see func(fields []string)) int {
	p.t.Helper()
	w := h.Follow(func(line string) {
		if fields := strings.Fields(line); len(fields) > 2 {
			see(fields)
		}
	}, Bin(p.t, "witness"), what)
	w.WaitFor(0, `(?m)^ready$`)
	p.witnesses = append(p.witnesses, w)
	return w.PID()
}

// addressSeen takes in "TIME add|delete PREFIX".
func (p *Pair) addressSeen(d *Director, fields []string) {
	address, err := netip.ParsePrefix(fields[2])
	if err != nil || !slices.Contains(p.Router.Addresses(), address) {
		return
	}
	what := Adds
	if fields[1] == "delete" {
		what = Removes
	}
	p.journal.see(Event{At: at(fields[0]), Director: d, What: what, Address: address})
}

// advertSeen takes in "TIME advert INTERFACE version=3 vrid=51 priority=150 …".
func (p *Pair) advertSeen(fields []string) {
	for _, d := range p.Directors {
		if fields[2] != d.Host.Name+"-"+Segment || !slices.Contains(fields, fmt.Sprintf("vrid=%d", VRID)) {
			continue
		}
		for _, f := range fields {
			if value, ok := strings.CutPrefix(f, "priority="); ok {
				priority, _ := strconv.Atoi(value)
				p.journal.see(Event{At: at(fields[0]), Director: d, What: Advertises, Priority: priority})
			}
		}
	}
}

func at(nanoseconds string) time.Time {
	n, _ := strconv.ParseInt(nanoseconds, 10, 64)
	return time.Unix(0, n)
}

// quietAfter is how many advertisements in a row show that a master is settled: any
// router that did not hear them would have become master meanwhile, after three and its
// skew time.
const quietAfter = 4

// Master waits until one director is the only master, and stays it: it alone holds the
// addresses, all of them, and nobody has said or done anything else for a while.
func (p *Pair) Master(d *Director) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%s is the only master", d), func() bool { return p.settled(d) })
}

// Stays waits until a master has shown, from now on, that it is still settled.
func (p *Pair) Stays(d *Director) {
	p.t.Helper()
	p.journal.mu.Lock()
	p.journal.row = 0
	p.journal.mu.Unlock()
	p.Master(d)
}

// settled is asked with the journal locked.
func (p *Pair) settled(d *Director) bool {
	j := p.journal
	if j.row < quietAfter || j.events[len(j.events)-1].Director != d {
		return false
	}
	for _, o := range p.Directors {
		if want := len(p.Router.Addresses()); o == d && len(j.holds[o]) != want || o != d && len(j.holds[o]) != 0 {
			return false
		}
	}
	return true
}

// Holds waits until a director's kernel has all of the virtual addresses, whatever
// others have.
func (p *Pair) Holds(d *Director) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%s holds the addresses", d), func() bool { return len(p.journal.holds[d]) == len(p.Router.Addresses()) })
}

// Bare waits until a director's kernel has none of the virtual addresses.
func (p *Pair) Bare(d *Director) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%s holds none of the addresses", d), func() bool { return len(p.journal.holds[d]) == 0 })
}

// Mark is a place in the events: their end now.
func (p *Pair) Mark() int {
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	return len(p.journal.events)
}

// Since are the events from a mark on, as they were seen.
func (p *Pair) Since(mark int) []Event {
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	return slices.Clone(p.journal.events[mark:])
}

// Sees waits until an event that matches has been seen from a mark on, and returns the
// first. The priority is 0 but for [Advertises].
func (p *Pair) Sees(mark int, d *Director, what What, priority int) Event {
	p.t.Helper()
	var found Event
	p.wait(fmt.Sprintf("%s %s", d, what), func() bool {
		for ; mark < len(p.journal.events); mark++ {
			if e := p.journal.events[mark]; e.Director == d && e.What == what && e.Priority == priority {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// Split parts the directors from each other: the client and the third host still reach
// all of them. Heal joins them again.
func (p *Pair) Split() { p.isolate(true) }

// Heal ends a [Pair.Split].
func (p *Pair) Heal() { p.isolate(false) }

func (p *Pair) isolate(isolated bool) {
	p.t.Helper()
	for _, d := range p.Directors {
		d.Host.Isolate(Segment, isolated)
	}
}

// wait waits for something to be seen; what has been seen so far and what the programs
// said is told where it is not.
func (p *Pair) wait(what string, as func() bool) {
	p.t.Helper()
	p.journal.wait(p.t, what, as, func() string {
		text := "seen last:\n" + p.journal.tail(40)
		for _, d := range p.Directors {
			text += fmt.Sprintf("\n\n%s said:\n%s", d, d.Output())
		}
		for _, w := range p.witnesses {
			if !w.Running() {
				text += "\n\na witness has ended:\n" + w.Output()
			}
		}
		return text
	})
}
