package monitor

import (
	"testing"
	"time"
)

// wantAnswer expects a state and a reason for the service app.
func wantAnswer(t *testing.T, m *Monitor, state State, reason string) {
	t.Helper()
	if a := m.Answer("app"); a.State != state || a.Reason != reason {
		t.Errorf("%s %q, wanted %s %q", a.State, a.Reason, state, reason)
	}
}

func TestAWorkerWithoutWorkIsNeverStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		b := m.Beat("worker-1", 5*time.Second)
		time.Sleep(time.Hour)
		wantAnswer(t, m, Up, "")
		b.Beat()
		b.Idle()
		time.Sleep(time.Hour)
		wantAnswer(t, m, Up, "")
	})
}

func TestAWorkerWithWorkMustShowProgress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		b := m.Beat("worker-1", 5*time.Second)
		for range 10 { // progress often enough
			b.Beat()
			time.Sleep(5 * time.Second)
			wantAnswer(t, m, Up, "")
		}
		time.Sleep(200 * time.Millisecond)
		wantAnswer(t, m, Down, "stuck: worker-1 no progress for 5.2 s")
		time.Sleep(time.Minute)
		wantAnswer(t, m, Down, "stuck: worker-1 no progress for 65.2 s")
		b.Beat() // it was only slow
		wantAnswer(t, m, Up, "")
	})
}

// New work for a queue is no progress: a queue that grows while nobody takes from it is stuck.
func TestBusyStartsTheClockOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		b := m.Beat("queue", 3*time.Second)
		for range 4 {
			b.Busy()
			time.Sleep(time.Second)
		}
		wantAnswer(t, m, Down, "stuck: queue no progress for 4.0 s")
		b.Idle()
		b.Busy()
		time.Sleep(3 * time.Second)
		wantAnswer(t, m, Up, "")
	})
}

func TestARemovedWorkerCountsForNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		gone, stays := m.Beat("gone", time.Second), m.Beat("stays", time.Second)
		gone.Beat()
		stays.Beat()
		time.Sleep(2 * time.Second)
		wantAnswer(t, m, Down, "stuck: gone no progress for 2.0 s; stuck: stays no progress for 2.0 s")
		gone.Remove()
		gone.Remove()
		gone.Beat()
		wantAnswer(t, m, Down, "stuck: stays no progress for 2.0 s")
	})
}

func TestABeatOfAServiceCountsForThatServiceOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{Services: []string{"app", "mail"}})
		m.Service("mail").Beat("sender", 0).Beat() // a limit of 0 is the default
		time.Sleep(defaultBeatLimit)
		if a := m.Answer("mail"); a.State != Up {
			t.Errorf("mail is %s %q at its limit", a.State, a.Reason)
		}
		time.Sleep(time.Second)
		wantAnswer(t, m, Up, "")
		if a := m.Answer("mail"); a.State != Down || a.Reason != "stuck: sender no progress for 6.0 s" {
			t.Errorf("mail is %s %q", a.State, a.Reason)
		}
	})
}
