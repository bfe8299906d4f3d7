package monitor

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoGoesWhenTheRoomIsFull(t *testing.T) {
	now := time.Now()
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		name  string
		conns map[string]seat
		want  string
	}{
		{"the longest silent of those that never asked", map[string]seat{
			"director": {asked: true, since: at(0)}, "new": {since: at(3)}, "silent": {since: at(1)}, "silent too": {since: at(2)},
		}, "silent"},
		{"else the one that has not asked for longest", map[string]seat{
			"director": {asked: true, since: at(9)}, "forgotten": {asked: true, since: at(1)}, "slow": {asked: true, since: at(5)},
		}, "forgotten"},
	} {
		r := newRoom()
		names := map[*conn]string{}
		for name, seat := range c.conns {
			c := &conn{seat: seat}
			names[c] = name
			r.conns[c] = struct{}{}
		}
		if got := names[r.leastMissed()]; got != c.want {
			t.Errorf("%s: %q goes", c.name, got)
		}
	}
}

// However many connections are held open, silent or idle, a director that asks each second keeps its own, and another
// director gets in.
func TestAFullRoomDoesNotStarveADirector(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		m, l := newMonitor(t, Options{AgentLine: AgentLineOff, Logger: slog.New(slog.NewTextHandler(&log, nil))}), newPipes()
		serve(t, m, l)
		director := l.dial(t)
		wantPrefix(t, director.poll(), "MONITOR/1 up ")
		for i := range 3 * maxConns {
			p := l.dial(t) // a second of 64 newcomers, every other one of which asks once
			if i%2 == 0 {
				p.poll()
			}
			if i%maxConns == 0 {
				time.Sleep(time.Second)
				wantPrefix(t, director.poll(), "MONITOR/1 up ")
			}
		}
		wantPrefix(t, director.poll(), "MONITOR/1 up ")
		wantPrefix(t, l.dial(t).poll(), "MONITOR/1 up ")
		synctest.Wait()
		m.room.mu.Lock()
		n := len(m.room.conns)
		m.room.mu.Unlock()
		if n != maxConns {
			t.Errorf("%d connections are kept, wanted %d", n, maxConns)
		}
		if said := strings.Count(log.String(), "monitor is crowded"); said != 1 {
			t.Errorf("the log says %d times that the monitor is crowded, wanted once in %s:\n%s", said, logTime, &log)
		}
	})
}

func TestLogLinesAboutPeersAreSparse(t *testing.T) {
	var s sparse
	now := time.Now()
	for i, c := range []struct {
		after   time.Duration
		skipped int
		ok      bool
	}{{0, 0, true}, {1, 0, false}, {logTime - 1, 0, false}, {logTime, 2, true}, {2 * logTime, 0, true}} {
		if skipped, ok := s.allow(now.Add(c.after)); skipped != c.skipped || ok != c.ok {
			t.Errorf("call %d: skipped %d, ok %t", i, skipped, ok)
		}
	}
}
