package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// twoInstances are two routers of one VRID, at 100 ms, that hear each other a
// millisecond late.
type twoInstances struct {
	now    time.Time
	hosts  [2]*Instance
	edges  [2]*recordingEdge
	parted bool    // neither hears the other
	deaf   [2]bool // this one hears nothing
	flying []flight
}

type flight struct {
	at time.Time
	to int
	d  Datagram
}

func newTwoInstances(priorities [2]uint8) *twoInstances {
	w := &twoInstances{now: noon}
	for n, source := range []netip.Addr{near4, far4} {
		w.edges[n] = &recordingEdge{}
		r := besideKeepalived[0].router
		r.Name, r.Priority, r.Preempt = fmt.Sprintf("host%d", n), priorities[n], true
		w.hosts[n] = NewInstance(r, w.edges[n])
		w.hosts[n].SetSource(source)
	}
	return w
}

// do steps one of them; what it sends is on its way then.
func (w *twoInstances) do(n int, e Event) { w.fly(n, func() { w.hosts[n].Do(w.now, e) }) }

func (w *twoInstances) fly(n int, f func()) {
	f()
	for _, p := range w.edges[n].sent {
		if !w.parted {
			src := w.hosts[n].Source()
			w.flying = append(w.flying, flight{w.now.Add(time.Millisecond), 1 - n, Datagram{
				Source: src, Destination: GroupIPv4, TTL: 255, Payload: p.Append(nil, src, GroupIPv4),
			}})
		}
	}
	w.edges[n].sent = nil
}

// run lets time pass.
func (w *twoInstances) run(d time.Duration) {
	for end := w.now.Add(d); ; {
		next, who := end, -1
		for n, h := range w.hosts {
			if at := h.Next(); !at.IsZero() && at.Before(next) {
				next, who = at, n
			}
		}
		if len(w.flying) > 0 && !w.flying[0].at.After(next) {
			f := w.flying[0]
			w.flying, w.now = w.flying[1:], f.at
			if !w.deaf[f.to] {
				w.fly(f.to, func() { w.hosts[f.to].Receive(w.now, f.d) })
			}
			continue
		}
		w.now = next
		if who < 0 {
			return
		}
		w.do(who, Event{Kind: Timer})
	}
}

func (w *twoInstances) states() [2]State {
	return [2]State{w.hosts[0].Machine().State(), w.hosts[1].Machine().State()}
}

func (w *twoInstances) told() []string {
	return append(slices.Clone(w.edges[0].told), w.edges[1].told...)
}

// TestTwoMasters: an election warns nobody, whatever it looks like; two masters that
// stay are told of.
func TestTwoMasters(t *testing.T) {
	start := func(w *twoInstances, who ...int) {
		for _, n := range who {
			w.do(n, Event{Kind: Start})
		}
	}
	for _, c := range []struct {
		name       string
		priorities [2]uint8
		run        func(w *twoInstances)
		states     [2]State
		told       []string
	}{
		{
			name: "started together, priorities alike: both become master at once", priorities: [2]uint8{100, 100},
			run:    func(w *twoInstances) { start(w, 0, 1); w.run(time.Second) },
			states: [2]State{Backup, Master},
		},
		{
			name: "the better one comes later and preempts", priorities: [2]uint8{200, 100},
			run:    func(w *twoInstances) { start(w, 1); w.run(10 * time.Second); start(w, 0); w.run(time.Second) },
			states: [2]State{Master, Backup},
		},
		{
			name: "a failover and back", priorities: [2]uint8{200, 100},
			run: func(w *twoInstances) {
				start(w, 0, 1)
				w.run(10 * time.Second)
				w.do(0, Event{Kind: Failover})
				w.run(10 * time.Second)
				w.do(0, Event{Kind: Cancel})
				w.run(time.Second)
			},
			states: [2]State{Master, Backup},
		},
		{
			name: "a priority lowered under the other's", priorities: [2]uint8{200, 100},
			run: func(w *twoInstances) {
				start(w, 0, 1)
				w.run(10 * time.Second)
				w.do(0, Event{Kind: Reprioritise, Priority: 50})
				w.run(time.Second)
			},
			states: [2]State{Backup, Master},
		},
		{
			name: "the lesser one is busy for a moment", priorities: [2]uint8{200, 100},
			run: func(w *twoInstances) {
				start(w, 1)
				w.run(time.Second)
				w.deaf[1] = true
				start(w, 0)
				for w.states() != [2]State{Master, Master} {
					w.run(time.Millisecond)
				}
				w.run(90 * time.Millisecond)
				w.deaf[1] = false
				w.run(time.Second)
			},
			states: [2]State{Master, Backup},
		},
		{
			name: "the lesser one hears nothing", priorities: [2]uint8{200, 100},
			run: func(w *twoInstances) {
				w.deaf[1] = true
				start(w, 0, 1)
				w.run(30 * time.Second)
			},
			states: [2]State{Master, Master},
			told: []string{
				"192.0.2.2 is master too (priority 100, ours is 200) and does not give way: it does not hear us, look for what keeps protocol 112 from it",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTwoInstances(c.priorities)
			c.run(w)
			if got := w.states(); got != c.states {
				t.Errorf("they are %v, want %v", got, c.states)
			}
			if diff := cmp.Diff(c.told, w.told()); diff != "" && (len(c.told) > 0 || len(w.told()) > 0) {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if got := w.hosts[0].Snapshot(w.now).Warnings; len(got) != len(c.told) {
				t.Errorf("in force: %v", got)
			}
		})
	}
}

// TestHealing: networks that were apart are joined at any moment of an interval, also
// when the lesser master is heard first, and again and again.
func TestHealing(t *testing.T) {
	rivals := 0
	for offset := time.Duration(0); offset < 100*time.Millisecond; offset += 10 * time.Millisecond {
		w := newTwoInstances([2]uint8{200, 100})
		w.do(0, Event{Kind: Start})
		w.do(1, Event{Kind: Start})
		w.run(time.Second)
		for range 3 {
			w.parted = true
			w.run(time.Minute + offset)
			if got := w.states(); got != [2]State{Master, Master} {
				t.Fatalf("apart they are %v", got)
			}
			w.parted = false
			joined := w.now
			w.run(time.Second)
			if w.hosts[0].rival.last.After(joined) {
				rivals++
			}
			if got := w.states(); got != [2]State{Master, Backup} || len(w.told()) > 0 {
				t.Errorf("joined after %v: %v, told %q", offset, got, w.told())
			}
		}
	}
	if rivals < 10 {
		t.Errorf("the lesser one was heard first %d times only", rivals)
	}
}

// TestTwoLesserMasters: two that each were heard once are not one that stays.
func TestTwoLesserMasters(t *testing.T) {
	p := besideKeepalived[0]
	i, edge := instanceBeside(p, 200)
	now := i.Next()
	i.Do(now, Event{Kind: Timer})
	i.Receive(now.Add(50*time.Millisecond), p.heardFrom(100, nil))
	p.far = netip.MustParseAddr("192.0.2.3")
	i.Receive(now.Add(200*time.Millisecond), p.heardFrom(90, nil))
	if edge.told != nil {
		t.Errorf("told %q", edge.told)
	}
	i.Receive(now.Add(300*time.Millisecond), p.heardFrom(90, nil))
	if len(edge.told) != 1 {
		t.Errorf("of one that stays: told %q", edge.told)
	}
}

// TestTwoMastersIsOver: once the other gives way the warning is.
func TestTwoMastersIsOver(t *testing.T) {
	w := newTwoInstances([2]uint8{200, 100})
	w.deaf[1] = true
	w.do(0, Event{Kind: Start})
	w.do(1, Event{Kind: Start})
	w.run(30 * time.Second)
	w.deaf[1] = false
	w.run(5 * time.Second)
	if got := w.hosts[0].Snapshot(w.now).Warnings; len(got) != 1 || got[0].Kind != "two_masters" {
		t.Errorf("5 s after it gave way: %v", got)
	}
	w.run(10 * time.Second)
	if got := w.hosts[0].Snapshot(w.now).Warnings; len(got) != 0 || w.states() != [2]State{Master, Backup} {
		t.Errorf("15 s after it gave way: %v, %v", got, w.states())
	}
}
