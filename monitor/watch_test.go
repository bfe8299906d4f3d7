package monitor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// heardAt is an answer and when it came.
type heardAt struct {
	after time.Duration
	line  string
}

// watching is a director that reads all that comes.
type watching struct {
	*peer
	began   time.Time
	answers chan heardAt // closed at the end of the stream
}

// startWatch asks for the service app and goes on reading.
func startWatch(t testing.TB, p *peer, line string) *watching {
	w := &watching{peer: p, began: time.Now(), answers: make(chan heardAt, 10000)}
	p.write(line + "\n")
	go func() {
		defer close(w.answers)
		for {
			line, err := p.r.ReadString('\n')
			if err != nil {
				return
			}
			w.answers <- heardAt{time.Since(w.began), strings.TrimSuffix(line, "\n")}
		}
	}()
	return w
}

const watchApp = "MONITOR/1 watch interval=1s service=app"

var unsteady = regexp.MustCompile(` (instance|seq|mac)=\w+`)

// heard returns what has come until now, one answer a line: when, and what but for what differs from run to run.
func (w *watching) heard() (all string) {
	synctest.Wait()
	for {
		select {
		case h, more := <-w.answers:
			if !more {
				return all + fmt.Sprintln(time.Since(w.began), "the end")
			}
			all += fmt.Sprintln(h.after, unsteady.ReplaceAllString(strings.TrimPrefix(h.line, "MONITOR/1 "), ""))
		default:
			return all
		}
	}
}

// wantHeard expects what has come since the last time.
func (w *watching) wantHeard(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, strings.Split(strings.TrimSuffix(w.heard(), "\n"), "\n")); diff != "" {
		w.t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// watchBubble runs a test with a director that watches the service app with the interval of a second.
func watchBubble(t *testing.T, o Options, test func(t *testing.T, m *Monitor, l *pipes, w *watching)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, o), newPipes()
		serve(t, m, l)
		test(t, m, l, startWatch(t, l.dial(t), watchApp))
	})
}

func TestAWatchAnswersAtOnceAndWithinEachInterval(t *testing.T) {
	watchBubble(t, Options{}, func(t *testing.T, m *Monitor, _ *pipes, w *watching) {
		time.Sleep(3 * time.Second)
		w.wantHeard("0s up service=app", "980ms up service=app", "1.96s up service=app", "2.94s up service=app")
		// It is not idle, however long it lasts and however little it says.
		time.Sleep(10 * idleTime)
		if n := strings.Count(w.heard(), " up "); n < 750 || n > 768 {
			t.Errorf("%d answers in 750 seconds", n)
		}
		if seq := m.Answer("app").Seq; seq < 750 {
			t.Errorf("seq %d", seq)
		}
	})
}

func TestAWatchTellsChangesAtOnce(t *testing.T) {
	watchBubble(t, Options{Services: []string{"app", "mail"}}, func(t *testing.T, m *Monitor, _ *pipes, w *watching) {
		app := m.Service("app")
		time.Sleep(300 * time.Millisecond)
		app.SetState(Drain, "rolling restart")
		w.wantHeard("0s up service=app", `300ms drain service=app reason="rolling restart"`)
		time.Sleep(100 * time.Millisecond)
		app.SetWeight(40)
		w.wantHeard(`400ms drain service=app weight=40 reason="rolling restart"`)
		// What changes nothing is not told: the same again, another reason, counters, another service.
		time.Sleep(100 * time.Millisecond)
		app.SetWeight(40)
		app.SetState(Drain, "still")
		app.Served()
		m.Service("mail").SetState(Down, "full")
		// The next answer is an interval after the last one.
		time.Sleep(880 * time.Millisecond)
		w.wantHeard(`1.38s drain service=app weight=40 conns=0 served=1 failed=0 reason="still"`)
	})
}

// However many changes there are, they are told at most 100 times a second, and the last of them is told.
func TestABurstOfChangesIsToldAtABoundedRate(t *testing.T) {
	watchBubble(t, Options{}, func(t *testing.T, m *Monitor, _ *pipes, w *watching) {
		time.Sleep(100 * time.Millisecond)
		w.wantHeard("0s up service=app")
		for i := range 1000 { // for half a second
			m.SetWeight(i % 100)
			time.Sleep(500 * time.Microsecond)
		}
		m.SetWeight(33)
		time.Sleep(changeTime)
		all := strings.Split(strings.TrimSuffix(w.heard(), "\n"), "\n")
		if len(all) < 50 || len(all) > 53 {
			t.Errorf("%d answers", len(all))
		}
		if all[0] != "100ms up service=app weight=0" {
			t.Errorf("the first is %q: it has to wait for nothing", all[0])
		}
		if last := all[len(all)-1]; !strings.HasSuffix(last, " weight=33") {
			t.Errorf("the last is %q", last)
		}
		// There and back within that time is no change any more.
		time.Sleep(changeTime)
		m.SetWeight(50)
		synctest.Wait()
		m.SetWeight(33)
		m.SetWeight(50)
		time.Sleep(2 * changeTime)
		if got := w.heard(); strings.Count(got, "\n") != 1 {
			t.Errorf("told: %s", got)
		}
	})
}

func TestAWorkerThatGetsStuckIsToldWhenItsLimitIsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{}), newPipes()
		serve(t, m, l)
		beat := m.Beat("worker-1", 2500*time.Millisecond)
		beat.Beat()
		w := startWatch(t, l.dial(t), "MONITOR/1 watch interval=3600s service=app")
		time.Sleep(time.Second)
		beat.Beat() // progress, which puts it off
		time.Sleep(time.Second)
		beat.Idle()
		time.Sleep(10 * time.Second)
		w.wantHeard("0s up service=app")
		beat.Busy() // at 12 s
		time.Sleep(3 * time.Second)
		w.wantHeard(`14.500000001s down service=app reason="stuck: worker-1 no progress for 2.5 s"`)
		beat.Beat() // at 15 s
		w.wantHeard("15s up service=app")
		time.Sleep(3 * time.Second)
		w.wantHeard(`17.500000001s down service=app reason="stuck: worker-1 no progress for 2.5 s"`)
		beat.Idle() // at 18 s
		w.wantHeard("18s up service=app")
		beat.Beat()
		time.Sleep(3 * time.Second)
		beat.Remove() // at 21 s
		w.wantHeard(`20.500000001s down service=app reason="stuck: worker-1 no progress for 2.5 s"`, "21s up service=app")
		time.Sleep(time.Second)
		m.Service("app").Beat("worker-2", 700*time.Millisecond).Beat() // nobody knew of it when the last answer was given
		time.Sleep(time.Second)
		w.wantHeard(`22.700000001s down service=app reason="stuck: worker-2 no progress for 0.7 s"`)
	})
}

func TestASelfCheckIsToldWhenItsResultIsThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{}), newPipes()
		serve(t, m, l)
		w := startWatch(t, l.dial(t), "MONITOR/1 watch interval=3600s service=app")
		w.wantHeard("0s up service=app")
		result := make(chan error)
		m.Service("app").Check("db", func(context.Context) error { return <-result }, Every(5*time.Second), Timeout(2*time.Second))
		w.wantHeard(`0s starting service=app reason="no result yet of self-check db"`)
		time.Sleep(100 * time.Millisecond)
		result <- nil
		w.wantHeard("100ms up service=app")
		time.Sleep(5 * time.Second) // the next call begins at 5 s
		result <- errors.New("refused")
		w.wantHeard(`5.1s down service=app reason="self-check db: refused"`)
		time.Sleep(5 * time.Second)
		result <- errors.New("refused again") // no change
		time.Sleep(5 * time.Second)
		result <- nil
		w.wantHeard("15.1s up service=app")
		time.Sleep(7 * time.Second) // a call that does not return is told when its time is over
		w.wantHeard(`22s down service=app reason="self-check db: no answer for 2.0 s"`)
		result <- nil // too late
		synctest.Wait()
		time.Sleep(4 * time.Second)
		result <- nil // that of 25 s
		w.wantHeard("26.1s up service=app")
	})
}

func TestAFurtherLineTakesThePlaceOfAWatch(t *testing.T) {
	watchBubble(t, Options{Services: []string{"app", "mail"}}, func(t *testing.T, m *Monitor, _ *pipes, w *watching) {
		time.Sleep(500 * time.Millisecond)
		w.write("MONITOR/1 watch interval=2s service=mail\n")
		time.Sleep(2 * time.Second)
		m.Service("app").SetState(Down, "nobody listens")
		w.wantHeard("0s up service=app", "500ms up service=mail", "2.48s up service=mail")
		m.Service("mail").SetState(Down, "full")
		w.wantHeard(`2.5s down service=mail reason="full"`)
		// A service that the program doesn't have is watched like another.
		w.write("MONITOR/1 watch interval=1s service=ghost\n")
		time.Sleep(time.Second)
		w.wantHeard(`2.5s down service=ghost reason="no such service"`, `3.48s down service=ghost reason="no such service"`)
		// What can't be answered changes nothing.
		w.write("MONITOR/1 subscribe service=app\n")
		time.Sleep(time.Second)
		w.wantHeard(`3.5s error reason="the method subscribe is not supported (poll and watch are)"`,
			`4.46s down service=ghost reason="no such service"`)
		// A poll is answered, and the watch is over: the connection is one that may be idle for so long.
		w.write("MONITOR/1 poll service=app\n")
		synctest.Wait()
		m.Service("app").SetState(Up, "")
		time.Sleep(idleTime - time.Second)
		w.write("MONITOR/1 poll service=app\n")
		w.wantHeard(`4.5s down service=app reason="nobody listens"`, "1m18.5s up service=app")
		time.Sleep(idleTime)
		w.wantHeard("2m33.5s the end")
	})
}

func TestWhatEndsAWatch(t *testing.T) {
	for _, c := range []struct{ sends, hears string }{
		{"MONITOR/1 watch service=app\n", `error reason="malformed line: interval= is missing"`},
		{"MONITOR/1 watch interval=9ms service=app\n", `error reason="malformed line: the interval is \"9ms\" (a whole number of ms or s from 10ms to 3600s wanted, as in 500ms)"`},
		{"up?\n", `error reason="not a MONITOR line: it is \"up?\""`},
		{strings.Repeat("x", 1024), `error reason="line longer than 1024 bytes"`},
	} {
		watchBubble(t, Options{}, func(t *testing.T, m *Monitor, _ *pipes, w *watching) {
			w.write(c.sends)
			w.wantHeard("0s up service=app", "0s "+c.hears, "0s the end")
		})
	}
	t.Run("a line that stops", func(t *testing.T) {
		watchBubble(t, Options{}, func(t *testing.T, m *Monitor, _ *pipes, w *watching) {
			w.write("MONITOR/1 po")
			time.Sleep(lineTime)
			w.wantHeard("0s up service=app", "980ms up service=app", "1.96s up service=app", "2.94s up service=app",
				"3.92s up service=app", "4.9s up service=app", "5s the end")
		})
	})
}

// Answers are signed for the line in force: that of the newest nonce.
func TestAWatchIsSignedForItsNewestLine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{Secret: []byte(secret)}), newPipes()
		serve(t, m, l)
		w := startWatch(t, l.dial(t), watchApp)
		w.wantHeard(`0s error reason="nonce wanted"`)
		var seq uint64
		for _, nonce := range []string{nonce, strings.Repeat("0", 32)} {
			line := watchApp + " nonce=" + nonce
			w.write(line + "\n")
			time.Sleep(10 * time.Second)
			w.write(watchApp + "\n") // has no nonce, and takes no place
			synctest.Wait()
			for range 11 {
				a, err := wire.Accept([]byte(line), []byte((<-w.answers).line), "app", []byte(secret))
				if err != nil || a.Seq <= seq {
					t.Fatalf("seq %d after %d: %v", a.Seq, seq, err)
				}
				seq = a.Seq
			}
			if got := (<-w.answers).line; got != `MONITOR/1 error reason="nonce wanted"` {
				t.Fatal(got)
			}
		}
	})
}

func TestThoseWhoWatchHearOfTheEndAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{Services: []string{"app", "mail"}}), newPipes()
		served := run(t.Context(), m, l)
		m.Service("mail").SetState(Maint, "by hand") // to be told all the same
		w := startWatch(t, l.dial(t), watchApp)
		mail := startWatch(t, l.dial(t), "MONITOR/1 watch interval=3600s service=mail")
		ghost := startWatch(t, l.dial(t), "MONITOR/1 watch interval=3600s service=ghost")
		gone := startWatch(t, l.dial(t), watchApp)
		time.Sleep(500 * time.Millisecond)
		gone.Close() // will not come again
		synctest.Wait()
		took := closing(t, m)
		if took := <-took; took != 0 {
			t.Errorf("Close took %s", took)
		}
		w.wantHeard("0s up service=app", "500ms maint service=app "+stopping, "500ms the end")
		mail.wantHeard(`0s maint service=mail reason="by hand"`, "500ms maint service=mail "+stopping, "500ms the end")
		ghost.wantHeard(`0s down service=ghost reason="no such service"`, `500ms down service=ghost reason="no such service"`, "500ms the end")
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	bubble(t, func(t *testing.T) { // the others are waited for, and told each interval until then
		m, l := newMonitor(t, Options{}), newPipes()
		served := run(t.Context(), m, l)
		w := startWatch(t, l.dial(t), watchApp)
		synctest.Wait()
		l.dial(t).poll()
		took := closing(t, m)
		if took := <-took; took != defaultLeave {
			t.Errorf("Close took %s", took)
		}
		w.wantHeard("0s up service=app", "0s maint service=app "+stopping, "980ms maint service=app "+stopping,
			"1.96s maint service=app "+stopping, "2.94s maint service=app "+stopping, "3s the end")
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func TestAWatcherThatTakesNoAnswerLosesItsConnectionOnly(t *testing.T) {
	watchBubble(t, Options{}, func(t *testing.T, m *Monitor, l *pipes, w *watching) {
		stubborn := l.dial(t)
		stubborn.write(watchApp + "\n") // and never reads
		time.Sleep(500 * time.Millisecond)
		m.SetState(Down, "disk full")
		w.wantHeard("0s up service=app", `500ms down service=app reason="disk full"`)
		time.Sleep(writeTime)
		stubborn.wantEnd()
		w.wantHeard(`1.48s down service=app reason="disk full"`, `2.46s down service=app reason="disk full"`,
			`3.44s down service=app reason="disk full"`, `4.42s down service=app reason="disk full"`, `5.4s down service=app reason="disk full"`)
		// It is told nothing any more, and holds nobody up at the end.
		if got := m.room.watchers.Load(); got != 1 {
			t.Errorf("%d watch", got)
		}
	})
}

// A director that watches asks for nothing, and yet is not the one to go when the room is full.
func TestAFullRoomKeepsThoseWhoWatch(t *testing.T) {
	watchBubble(t, Options{AgentLine: AgentLineOff}, func(t *testing.T, m *Monitor, l *pipes, w *watching) {
		for range 3 * maxConns {
			l.dial(t).poll()
			time.Sleep(100 * time.Millisecond)
		}
		if got := w.heard(); strings.Contains(got, "end") || strings.Count(got, "\n") != 20 {
			t.Errorf("heard %s", got)
		}
	})
	bubble(t, func(t *testing.T) { // those who watch make room for each other
		m, l := newMonitor(t, Options{}), newPipes()
		serve(t, m, l)
		first := startWatch(t, l.dial(t), "MONITOR/1 watch interval=3600s service=app")
		time.Sleep(time.Second)
		for range maxConns {
			startWatch(t, l.dial(t), "MONITOR/1 watch interval=3600s service=app")
			synctest.Wait()
		}
		first.wantHeard("0s up service=app", "1s the end")
		if got := m.room.watchers.Load(); got != maxConns {
			t.Errorf("%d watch", got)
		}
	})
}
