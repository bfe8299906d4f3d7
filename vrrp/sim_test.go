package vrrp

import (
	"flag"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	simSteps = flag.Int("sim.steps", 1_000_000, "steps of machines in all")
	simBase  = flag.Uint64("sim.base", 1, "the seed of the first world; 0: by the clock")
	simSeed  = flag.Uint64("sim.seed", 0, "run this world only, and tell what happens in it")
)

// simWorldSteps is how long a world goes on.
const simWorldSteps = 2000

// TestSimulation runs worlds of two to five routers over a network that delays, loses,
// reorders and splits, with hosts that stall and operators that order: a million steps of
// machines, or -sim.steps. Each world follows from its seed alone.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		w := newSimWorld(*simSeed)
		w.trace = new(strings.Builder)
		err := w.run(simWorldSteps)
		t.Log(w.trace.String())
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	base := *simBase
	if base == 0 {
		base = uint64(time.Now().UnixNano())
	}
	seed, steps := base, 0
	var changes [5][5]int
	for ; steps < *simSteps; seed++ {
		w := newSimWorld(seed)
		if err := w.run(simWorldSteps); err != nil {
			t.Fatalf("seed %d: %v\nagain, with all that happens:\n"+
				"go test ./vrrp -run '^TestSimulation$' -v -sim.seed=%d", seed, err, seed)
		}
		steps += w.steps
		for from := range changes {
			for to := range changes[from] {
				changes[from][to] += w.changes[from][to]
			}
		}
	}
	t.Logf("seeds %d to %d: %d steps", base, seed-1, steps)
	for _, change := range []struct{ from, to State }{
		{Init, Fault},
		{Init, Backup},
		{Init, Master},
		{Fault, Init},
		{Fault, Backup},
		{Fault, Master},
		{Backup, Init},
		{Backup, Fault},
		{Backup, Master},
		{Master, Fault},
		{Master, Backup},
		{Master, Retiring},
		{Retiring, Init},
		{Retiring, Fault},
		{Retiring, Backup},
		{Retiring, Master},
	} {
		n := changes[change.from][change.to]
		t.Logf("%s -> %s: %d times", change.from, change.to, n)
		if n == 0 && *simSteps >= 100_000 {
			t.Errorf("%s -> %s: no world comes there", change.from, change.to)
		}
	}
}

// TestSimulationRepeats: a seed is a world, or a replay would show something else.
func TestSimulationRepeats(t *testing.T) {
	var traces [2]string
	for i := range traces {
		w := newSimWorld(7)
		w.trace = new(strings.Builder)
		if err := w.run(simWorldSteps); err != nil {
			t.Fatal(err)
		}
		traces[i] = w.trace.String()
	}
	if traces[0] != traces[1] {
		t.Error("the same seed gave two worlds")
	}
}

// TestSimulationSees has the simulation catch defects: machines of which each breaks
// one rule.
func TestSimulationSees(t *testing.T) {
	// without is a machine that never asks for one kind of effect.
	without := func(kind EffectKind) func(m *Machine, now time.Time, e Event) []Effect {
		return func(m *Machine, now time.Time, e Event) []Effect {
			return slices.DeleteFunc(m.Step(now, e), func(e Effect) bool { return e.Kind == kind })
		}
	}
	for _, defect := range []struct {
		name string
		want string // of the rule that it breaks
		step func(m *Machine, now time.Time, e Event) []Effect
	}{
		{"deaf to better ones", "it becomes master at priority", func(m *Machine, now time.Time, e Event) []Effect {
			if e.Kind == Heard && e.Advert.Priority > m.Effective() && m.State() == Backup {
				return nil
			}
			return m.Step(now, e)
		}},
		{"preempts where it should not", "preempts=false", func(m *Machine, now time.Time, e Event) []Effect {
			if e.Kind == Heard && e.Advert.Priority < m.Effective() && m.State() == Backup && !m.StandingBy() {
				return nil
			}
			return m.Step(now, e)
		}},
		{"does not step down", "and is master", func(m *Machine, now time.Time, e Event) []Effect {
			if e.Kind == Heard && m.State() == Master {
				return nil
			}
			return m.Step(now, e)
		}},
		{"never takes over", "the master has priority", func(m *Machine, now time.Time, e Event) []Effect {
			if e.Kind == Heard && e.Advert.Priority > 0 && m.State() == Backup {
				e.Advert.Priority = max(e.Advert.Priority, m.Effective())
			}
			return m.Step(now, e)
		}},
		{"never speaks", "still master", without(SendAdvert)},
		{"never lets go", "holding is", without(RemoveAddresses)},
		{"never has its addresses", "holding is", without(AddAddresses)},
		{"does not tell its state", "effects say", without(Changed)},
		{"does not answer who stops it", "have no answer", without(Ended)},
		{"does not answer who fails it over", "have no answer", without(FailedOver)},
		{"announces when it is done", "it announces as", func(m *Machine, now time.Time, e Event) []Effect {
			effects := m.Step(now, e)
			if len(effects) > 0 && m.State() == Backup {
				effects = append(effects, Effect{Kind: Announce})
			}
			return effects
		}},
		{"speaks when it is done", "it says priority", func(m *Machine, now time.Time, e Event) []Effect {
			effects := m.Step(now, e)
			if m.State() == Retiring {
				effects = append(effects, Effect{Kind: SendAdvert, Priority: m.Effective()})
			}
			return effects
		}},
		{"does not look at the clock first", "still master", func(m *Machine, now time.Time, e Event) []Effect {
			m.advertDue = later(m.advertDue, now)
			return m.Step(now, e)
		}},
		{"steps its timer for nothing", "due again", func(m *Machine, now time.Time, e Event) []Effect {
			if e.Kind == Timer {
				return nil
			}
			return m.Step(now, e)
		}},
	} {
		t.Run(defect.name, func(t *testing.T) {
			for seed := range uint64(200) {
				w := newSimWorld(seed + 1)
				w.step = defect.step
				if err := w.run(simWorldSteps); err == nil {
					continue
				} else if !strings.Contains(err.Error(), defect.want) {
					t.Fatalf("seed %d: %v, want: %s", seed+1, err, defect.want)
				}
				return
			}
			t.Fatal("200 worlds did not show it")
		})
	}
}

// later is the later of two times; zero stays.
func later(t, now time.Time) time.Time {
	if t.IsZero() || t.After(now) {
		return t
	}
	return now
}
