package main

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

const interval = 10 * time.Millisecond

// result is what one pair came to.
type result struct {
	takeovers int
	late      []time.Duration // the master's advertisements, sorted
	timers    []timers        // of Mainstay's mastership processes: the master's, the backup's
	perSecond float64         // checks that were answered
}

// timers is how late a mastership process's timers were, by its own account.
type timers struct {
	RealTime bool    `json:"real_time"`
	P999     float64 `json:"lateness_p999_ms"`
	Worst    float64 `json:"lateness_worst_ms"`
}

// measure plays one pair under load for a while.
func measure(t lab.T, member pair.Member, duration time.Duration) result {
	master, backup := member, member
	master.Priority, backup.Priority = 200, 100
	if member.Program == pair.Mainstay {
		// The build that needs no IPVS for its virtual services.
		master.Binary, master.More = "mainstay-lab", sections()
	}
	p := pair.New(t, pair.Router{Version: 3, Interval: interval}, master, backup)
	a, b := p.Directors[0], p.Directors[1]
	server := serve(p, a)
	a.Start()
	if member.Program == pair.Keepalived {
		a.Observe(sections())
	}
	b.Start()
	p.Master(a)
	occupy(p)

	mark, before, started := p.Mark(), served(server), time.Now()
	<-time.After(duration)
	r := judge(p.Since(mark), a, b, p.Router)
	r.perSecond = float64(served(server)-before) / time.Since(started).Seconds()
	if member.Program == pair.Mainstay {
		r.timers = []timers{ask(t, a), ask(t, b)}
	}
	return r
}

// judge finds the takeovers, and how late each advertisement of the master was after the
// one before.
func judge(events []pair.Event, master, backup *pair.Director, router pair.Router) result {
	var r result
	var last time.Time
	for _, e := range events {
		switch {
		case e.What == pair.Adds && e.Director == backup && e.Address == router.Addresses()[0]:
			r.takeovers++
		case e.What == pair.Advertises && e.Director == master:
			if !last.IsZero() {
				r.late = append(r.late, max(0, e.At.Sub(last)-router.Interval))
			}
			last = e.At
		}
	}
	slices.Sort(r.late)
	return r
}

// ask asks a daemon how its mastership process keeps time.
func ask(t lab.T, d *pair.Director) timers {
	var status struct {
		Director struct{ Mastership *timers }
	}
	code, said := d.Ask("status", "--json")
	if err := json.Unmarshal([]byte(said), &status); code != 0 || err != nil || status.Director.Mastership == nil {
		t.Fatalf("%s: mainstay status says nothing of its mastership process: exit status %d, %v\n%s", d, code, err, said)
	}
	return *status.Director.Mastership
}
