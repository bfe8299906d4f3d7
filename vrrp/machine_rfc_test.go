package vrrp

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	machineEpoch = time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	machineOwn   = netip.MustParseAddr("192.0.2.11")
	machineLow   = netip.MustParseAddr("192.0.2.10")
	machineHigh  = netip.MustParseAddr("192.0.2.12")
)

// machineSettings are version 3, an advertisement each second, preemption on.
func machineSettings(priority uint8) Settings {
	return Settings{Version: V3, Priority: priority, Interval: time.Second, Preempt: true, Address: machineOwn}
}

func machineHeard(from netip.Addr, priority uint8) Event {
	return Event{Kind: Heard, Advert: Advert{Source: from, Priority: priority, Interval: time.Second}}
}

// machineIn returns a machine that came to a state in the ordinary way, and the time.
func machineIn(t testing.TB, state State, s Settings) (*Machine, time.Time) {
	t.Helper()
	m, now := NewMachine(s), machineEpoch
	step := func(e Event) { m.Step(now, e) }
	switch state {
	case Fault:
		step(Event{Kind: Fail, Cause: "eth0 is down"})
		step(Event{Kind: Start})
	case Backup:
		step(Event{Kind: Start, Delay: time.Nanosecond}) // the owner too
	case Master, Retiring:
		step(Event{Kind: Start})
		for m.State() == Backup {
			now = m.Next()
			step(Event{Kind: Timer})
			if m.Wanting() {
				step(Event{Kind: GroupMaster})
			}
		}
		if state == Retiring {
			step(Event{Kind: Stop})
		}
	}
	if m.State() != state {
		t.Fatalf("it is %s and should be %s", m.State(), state)
	}
	return m, now
}

// machineKinds are effects as words.
func machineKinds(effects []Effect) string {
	var words []string
	for _, e := range effects {
		if e.Kind == Changed {
			words = append(words, e.From.String()+"->"+e.To.String())
		} else if e.Kind == SendAdvert && e.Priority == 0 {
			words = append(words, "send0")
		} else {
			words = append(words, e.Kind.String())
		}
	}
	return strings.Join(words, " ")
}

// RFC 9568, section 6.1: Skew_Time and Active_Down_Interval. RFC 3768, section 6.1:
// Skew_Time and Master_Down_Interval.
func TestMachineMasterDownInterval(t *testing.T) {
	for _, test := range []struct {
		section  string
		version  Version
		priority uint8
		interval time.Duration // ours
		heard    time.Duration // the master's; 0: none
		want     time.Duration
	}{
		{"9568 6.1, (256-100)/256 of 1 s", V3, 100, time.Second, 0, 3609375 * time.Microsecond},
		{"9568 6.1, (256-254)/256 of 1 s", V3, 254, time.Second, 0, 3007812500 * time.Nanosecond},
		{"9568 6.1, (256-1)/256 of 1 s", V3, 1, time.Second, 0, 3996093750 * time.Nanosecond},
		{"9568 6.1, of 10 ms", V3, 100, 10 * time.Millisecond, 0, 36093750 * time.Nanosecond},
		{"9568 6.1, of 40.95 s", V3, 1, 40950 * time.Millisecond, 0, 163640039062 * time.Nanosecond},
		{"9568 6.1, Active_Adver_Interval is the master's", V3, 100, time.Second, 100 * time.Millisecond, 360937500 * time.Nanosecond},
		{"3768 6.1, (256-100)/256 s", V2, 100, time.Second, 0, 3609375 * time.Microsecond},
		{"3768 6.1, a skew in seconds at any interval", V2, 100, 10 * time.Second, 0, 30609375 * time.Microsecond},
		{"3768 6.1, our own interval", V2, 100, 10 * time.Second, time.Second, 30609375 * time.Microsecond},
	} {
		t.Run(test.section, func(t *testing.T) {
			m := NewMachine(Settings{Version: test.version, Priority: test.priority, Interval: test.interval})
			m.Step(machineEpoch, Event{Kind: Start})
			if test.heard > 0 {
				m.Step(machineEpoch, Event{Kind: Heard, Advert: Advert{Source: machineHigh, Priority: 255, Interval: test.heard}})
			}
			if got := m.MasterDownInterval(); got != test.want {
				t.Errorf("master down interval %s, want %s", got, test.want)
			}
			if got := m.Next().Sub(machineEpoch); got != test.want {
				t.Errorf("the timer runs for %s, want %s", got, test.want)
			}
			if got := m.RetireLimit(); got != 4*test.interval {
				t.Errorf("retire limit %s, want four intervals", got)
			}
		})
	}
}

// RFC 9568, section 6.4: what each state does on each event.
func TestMachineStates(t *testing.T) {
	grouped := machineSettings(100)
	grouped.Grouped = true
	noPreempt := machineSettings(100)
	noPreempt.Preempt = false
	heard := machineHeard
	for _, test := range []struct {
		section  string
		in       State
		settings Settings
		event    Event
		want     string
		state    State
		next     time.Duration // from the event; 0: no timer
	}{
		// RFC 9568, section 6.4.1, Initialize.
		{"6.4.1 the owner starts", Init, machineSettings(255), Event{Kind: Start}, "send add announce init->master", Master, 100 * time.Millisecond},
		{"6.4.1 others start", Init, machineSettings(100), Event{Kind: Start}, "init->backup", Backup, 3609375 * time.Microsecond},
		{"6.4.1 only a start counts", Init, machineSettings(100), heard(machineHigh, 0), "", Init, 0},
		{"6.4.1 no timer", Init, machineSettings(100), Event{Kind: Timer}, "", Init, 0},

		// RFC 9568, section 6.4.2, Backup.
		{"6.4.2 shutdown", Backup, machineSettings(100), Event{Kind: Stop}, "backup->init ended", Init, 0},
		{"6.4.2 priority 0: the skew time", Backup, machineSettings(100), heard(machineHigh, 0), "", Backup, 609375 * time.Microsecond},
		{"6.4.2 higher priority", Backup, machineSettings(100), heard(machineLow, 101), "", Backup, 3609375 * time.Microsecond},
		{"6.4.2 equal priority, higher address", Backup, machineSettings(100), heard(machineHigh, 100), "", Backup, 3609375 * time.Microsecond},
		{"6.4.2 equal priority, lower address", Backup, machineSettings(100), heard(machineLow, 100), "", Backup, 3609375 * time.Microsecond},
		{"6.4.2 lower priority without preemption", Backup, noPreempt, heard(machineHigh, 99), "", Backup, 3609375 * time.Microsecond},
		{"6.4.2 lower priority with preemption is discarded", Backup, machineSettings(100), heard(machineHigh, 99), "", Backup, 3509375 * time.Microsecond},

		// RFC 9568, section 6.4.3, Active; and a retiring router in place of Initialize.
		{"6.4.3 shutdown", Master, machineSettings(100), Event{Kind: Stop}, "send0 master->retiring", Retiring, 4 * time.Second},
		{"6.4.3 priority 0", Master, machineSettings(100), heard(machineHigh, 0), "send", Master, 0},
		{"6.4.3 higher priority", Master, machineSettings(100), heard(machineLow, 101), "master->backup", Backup, grace},
		{"6.4.3 equal priority, higher address", Master, machineSettings(100), heard(machineHigh, 100), "master->backup", Backup, grace},
		{"6.4.3 equal priority, lower address", Master, machineSettings(100), heard(machineLow, 100), "send announce", Master, 0},
		{"6.4.3 lower priority", Master, machineSettings(100), heard(machineHigh, 99), "send announce", Master, 0},
		{"6.4.3 lower priority without preemption", Master, noPreempt, heard(machineHigh, 99), "send announce", Master, 0},
		{"a dead link", Master, machineSettings(100), Event{Kind: Fail, Dead: true}, "remove master->fault", Fault, 0},
		{"a fault", Master, machineSettings(100), Event{Kind: Fail}, "send0 master->retiring", Retiring, 4 * time.Second},
		{"failover", Master, machineSettings(100), Event{Kind: Failover}, "send0 master->retiring", Retiring, 4 * time.Second},
		{"failover of the owner", Master, machineSettings(255), Event{Kind: Failover}, "failed-over", Master, 0},
		{"its group", Master, grouped, Event{Kind: GroupBackup}, "send0 master->retiring", Retiring, 4 * time.Second},

		// Retiring: another router's first advertisement begins the grace.
		{"retiring, priority 0", Retiring, machineSettings(100), heard(machineHigh, 0), "", Retiring, 3900 * time.Millisecond},
		{"retiring, lower priority", Retiring, machineSettings(100), heard(machineLow, 1), "", Retiring, grace},
		{"retiring, higher priority", Retiring, machineSettings(100), heard(machineHigh, 200), "", Retiring, grace},
		{"retiring, priority changed", Retiring, machineSettings(100), Event{Kind: Reprioritise, Priority: 50}, "", Retiring, 3900 * time.Millisecond},
		{"retiring, started", Retiring, machineSettings(100), Event{Kind: Start}, "", Retiring, 3900 * time.Millisecond},
		{"retiring, a dead link", Retiring, machineSettings(100), Event{Kind: Fail, Dead: true}, "remove retiring->init ended", Init, 0},

		// Fault is RFC 9568's Initialize too.
		{"fault, heard", Fault, machineSettings(100), heard(machineHigh, 200), "", Fault, 0},
		{"fault, started", Fault, machineSettings(100), Event{Kind: Start}, "", Fault, 0},
		{"fault, over", Fault, machineSettings(100), Event{Kind: Recover}, "fault->backup", Backup, 3609375 * time.Microsecond},
		{"fault, over for the owner", Fault, machineSettings(255), Event{Kind: Recover}, "send add announce fault->master", Master, 100 * time.Millisecond},
		{"fault, stopped", Fault, machineSettings(100), Event{Kind: Stop}, "fault->init ended", Init, 0},
		{"fault, failover", Fault, machineSettings(100), Event{Kind: Failover}, "failed-over", Fault, 0},

		// What means nothing.
		{"backup, started", Backup, machineSettings(100), Event{Kind: Start}, "", Backup, 3509375 * time.Microsecond},
		{"backup, recovered", Backup, machineSettings(100), Event{Kind: Recover}, "", Backup, 3509375 * time.Microsecond},
		{"master, started", Master, machineSettings(100), Event{Kind: Start}, "", Master, 0},
		{"master, its group is ready", Master, grouped, Event{Kind: GroupMaster}, "", Master, 0},
		{"init, its group", Init, grouped, Event{Kind: GroupMaster}, "", Init, 0},
		{"priority 0 is none", Master, machineSettings(100), Event{Kind: Reprioritise}, "", Master, 0},
	} {
		t.Run(test.section, func(t *testing.T) {
			m, now := machineIn(t, test.in, test.settings)
			if test.in != Init {
				now = now.Add(100 * time.Millisecond)
			}
			if got := machineKinds(m.Step(now, test.event)); got != test.want {
				t.Errorf("effects: %s\nwant:    %s", got, test.want)
			}
			if m.State() != test.state {
				t.Errorf("state %s, want %s", m.State(), test.state)
			}
			if test.next != 0 || test.state == Init || test.state == Fault {
				next := m.Next()
				if got := next.Sub(now); next.IsZero() && test.next != 0 || !next.IsZero() && got != test.next {
					t.Errorf("next timer in %s, want %s", got, test.next)
				}
			}
		})
	}
}

// RFC 9568, section 6.4.2: a new master advertises before all else, so that
// others step back, and only then has the addresses.
func TestMachineNewMasterSpeaksFirst(t *testing.T) {
	m, now := machineIn(t, Backup, machineSettings(100))
	now = now.Add(3609375 * time.Microsecond)
	want := []Effect{
		{Kind: SendAdvert, Priority: 100},
		{Kind: AddAddresses},
		{Kind: Announce},
		{Kind: Changed, From: Backup, To: Master, Cause: "master down timer ran out: nobody was heard for 3.61s"},
	}
	if diff := cmp.Diff(want, m.Step(now, Event{Kind: Timer})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if addr, priority := m.Master(); addr != machineOwn || priority != 100 || !m.Holding() {
		t.Errorf("master %s at %d, holding=%t", addr, priority, m.Holding())
	}
}

// RFC 9568, section 6.4.2: Skew_Time and Active_Down_Interval are of the interval
// in the advertisement; and of our own again for one who was master.
func TestMachineLearnsTheInterval(t *testing.T) {
	m, now := machineIn(t, Backup, machineSettings(100))
	e := machineHeard(machineHigh, 200)
	e.Advert.Interval = 100 * time.Millisecond
	m.Step(now, e)
	if got, want := m.MasterDownInterval(), 360937500*time.Nanosecond; got != want {
		t.Errorf("master down interval %s, want %s", got, want)
	}
	m.Step(m.Next(), Event{Kind: Timer})
	if got, want := m.MasterDownInterval(), 3609375*time.Microsecond; m.State() != Master || got != want {
		t.Errorf("as %s the master down interval is %s, want %s", m.State(), got, want)
	}
}

// RFC 9568, section 6.4.3: an advertisement each Advertisement_Interval, on its
// grid.
func TestMachineAdvertisesOnAGrid(t *testing.T) {
	s := machineSettings(100)
	s.Interval = 100 * time.Millisecond
	m, start := machineIn(t, Master, s)
	sent := 0
	for now := start; now.Before(start.Add(10 * time.Second)); {
		// Each step is late by 3 ms.
		now = m.Next().Add(3 * time.Millisecond)
		for _, e := range m.Step(now, Event{Kind: Timer}) {
			if e.Kind == SendAdvert {
				sent++
				if late := now.Sub(start) % (100 * time.Millisecond); late != 3*time.Millisecond {
					t.Fatalf("advertisement %d is %s off the grid", sent, late)
				}
			}
		}
	}
	if sent != 100 {
		t.Errorf("%d advertisements in 10 s, want 100", sent)
	}
}

// RFC 9568, section 6.4.3, lets each advertisement of a lesser router be answered.
// Two that each think they are the better one must not make a storm of it.
func TestMachineRepliesAreFew(t *testing.T) {
	m, now := machineIn(t, Master, machineSettings(100))
	replies := 0
	for range 10_000 { // in 10 s
		now = now.Add(time.Millisecond)
		for _, e := range m.Step(now, machineHeard(machineLow, 50)) {
			if e.Kind == SendAdvert {
				replies++
			}
		}
		if next := m.Next(); !next.After(now) {
			m.Step(now, Event{Kind: Timer})
		}
	}
	if replies < 19 || replies > 21 {
		t.Errorf("%d replies in 10 s, want one in half an interval", replies)
	}
}

// Any number of masters may be heard, and any address claimed: the machine remembers few.
func TestMachineForgets(t *testing.T) {
	m, now := machineIn(t, Backup, machineSettings(100))
	for i := range 1000 {
		addr := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		m.Step(now.Add(time.Duration(i)*time.Millisecond), machineHeard(addr, 200))
	}
	now = now.Add(999 * time.Millisecond)
	// Those that are remembered are the last: their end is waited for, then the skew time
	// counts.
	for i := 1000 - len(hearing{}); i < 1000; i++ {
		m.Step(now, machineHeard(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 0))
	}
	m.Step(m.Next(), Event{Kind: Timer})
	if m.State() != Master || m.now.Sub(now) != 609375*time.Microsecond {
		t.Errorf("it is %s after %s", m.State(), m.now.Sub(now))
	}
}
