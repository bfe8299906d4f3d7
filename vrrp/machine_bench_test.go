package vrrp

import (
	"testing"
	"time"
)

// machineSteady are the steps that a router makes all day, and under attack.
var machineSteady = []struct {
	name  string
	state State
	step  func(m *Machine, now time.Time)
}{
	{"backup hears its master", Backup, func(m *Machine, now time.Time) { m.Step(now, machineHeard(machineHigh, 200)) }},
	{"master advertises", Master, func(m *Machine, now time.Time) { m.Step(now, Event{Kind: Timer}) }},
	{"master hears a lesser one", Master, func(m *Machine, now time.Time) { m.Step(now, machineHeard(machineHigh, 50)) }},
	{"master hears priority 0", Master, func(m *Machine, now time.Time) { m.Step(now, machineHeard(machineHigh, 0)) }},
	{"backup hears a lesser one and priority 0", Backup, func(m *Machine, now time.Time) {
		m.Step(now, machineHeard(machineHigh, 50))
		m.Step(now, machineHeard(machineLow, 0))
	}},
}

// TestMachineAllocatesNothing: the mastership process must not wait for a collector.
func TestMachineAllocatesNothing(t *testing.T) {
	for _, steady := range machineSteady {
		m, now := machineIn(t, steady.state, machineSettings(100))
		allocations := testing.AllocsPerRun(1000, func() {
			steady.step(m, now)
			if m.Next().IsZero() {
				t.Fatal("no timer")
			}
			if m.State() == Master {
				now = now.Add(time.Second)
				m.Step(now, Event{Kind: Timer})
			}
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", steady.name, allocations)
		}
		if m.State() != steady.state {
			t.Errorf("%s: it ended as %s", steady.name, m.State())
		}
	}
}

func BenchmarkMachineStep(b *testing.B) {
	for _, steady := range machineSteady {
		b.Run(steady.name, func(b *testing.B) {
			m, now := machineIn(b, steady.state, machineSettings(100))
			b.ReportAllocs()
			for b.Loop() {
				if m.State() == Master {
					now = m.advertDue
				} else {
					now = now.Add(time.Nanosecond)
				}
				steady.step(m, now)
			}
		})
	}
}
