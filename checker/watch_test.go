package checker

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const ms = time.Millisecond

func TestWatchFollowsAProgram(t *testing.T) {
	r := rehearse(t, eager)
	r.run(301 * ms)
	r.connect()
	r.run(302 * ms)
	r.up(1)
	r.run(1302 * ms)
	r.up(2)
	r.run(1500 * ms)
	r.hear("MONITOR/1 down service=a instance=i seq=3 reason=full") // a change, at once
	r.run(2500 * ms)
	r.expect(`
		0.300 dial
		0.301 send line for 1s
		0.302 success (up)
		1.302 success (up)
		1.500 refusal (down) monitor says down: full`)
	if got := r.w.said.result.Instance; got != "i" {
		t.Errorf("instance %q", got)
	}
}

// End of stream and reset are a failure at once; then it is dialled again.
func TestWatchEnds(t *testing.T) {
	for err, reason := range map[error]string{
		io.EOF: "connection closed by the program", syscall.ECONNRESET: "connection reset by the program",
		syscall.ETIMEDOUT: "connection timed out while waiting for the answer",
	} {
		r := settled(t, eager)
		r.run(10700 * ms)
		r.end(err)
		r.run(10701 * ms)
		r.connect()
		r.run(10702 * ms)
		r.up(1) // another connection begins anew
		r.expect(`
			10.700 hang up
			10.700 failure (up) ` + reason + `
			10.700 dial
			10.701 send line for 1s
			10.702 success (up)`)
	}
}

// The first redial refused after a watch that was up is down at once, if it may be.
func TestWatchOfAProgramThatIsGone(t *testing.T) {
	r := settled(t, eager)
	r.shorten = true
	r.run(10700 * ms)
	r.end(io.EOF)
	r.end(syscall.ECONNREFUSED)
	r.run(11700 * ms)
	r.expect(`
		10.700 hang up
		10.700 failure (up) connection closed by the program
		10.700 dial
		10.700 hang up
		10.700 refusal (down) its program is gone
		11.700 dial`)
}

// Beyond the limit fall counts, at the fast interval: resets for a second empty no table.
func TestWatchOfAProgramThatSeemsGone(t *testing.T) {
	r := settled(t, eager)
	r.run(10700 * ms)
	r.end(io.EOF)
	r.end(syscall.ECONNREFUSED)
	r.run(10900 * ms)
	r.shorten = true // only the first redial counts
	r.connect()
	r.up(1)
	r.expect(`
		10.700 hang up
		10.700 failure (up) connection closed by the program
		10.700 dial
		10.700 hang up
		10.700 failure (up) connection refused
		10.900 dial
		10.900 send line for 1s
		10.900 success (up)`)
}

func TestOnlyTheFirstRedialIsShortened(t *testing.T) {
	fall5 := eager
	fall5.Fall = 5
	r := settled(t, fall5)
	r.run(10700 * ms)
	r.end(io.EOF)
	r.run(11200 * ms) // no answer to the first redial
	r.shorten = true
	r.run(11201 * ms)
	r.end(syscall.ECONNREFUSED)
	r.expect(`
		10.700 hang up
		10.700 failure (up) connection closed by the program
		10.700 dial
		11.200 hang up
		11.200 failure (up) no connection within 500ms
		11.201 dial
		11.201 hang up
		11.201 failure (up) connection refused`)
}

// Two intervals of silence are two failures at once, and the redial's silence the third.
func TestWatchOfASilentProgram(t *testing.T) {
	r := settled(t, eager)
	r.run(12000 * ms)
	r.connect()
	r.run(12500 * ms)
	r.expect(`
		12.000 hang up
		12.000 failure (up) no answer within 2s
		12.000 failure (up) no answer within 2s
		12.000 dial
		12.000 send line for 1s
		12.500 hang up
		12.500 failure (down) no answer within 500ms`)
}

// The director's own lateness gives a server one interval more, once in a row.
func TestWatchOfALateDirector(t *testing.T) {
	r := settled(t, eager)
	r.run(11999 * ms)
	r.now = 12300 * ms // a stall
	r.carry(r.w.look(r.now, 300*ms))
	r.run(12400 * ms)
	r.up(2)
	r.run(14399 * ms)
	r.expect(`12.400 success (up)`)

	r.now = 14700 * ms // as late again, after an answer
	r.carry(r.w.look(r.now, 300*ms))
	if r.w.due != 15700*ms {
		t.Errorf("due at %v", r.w.due)
	}
	r.now = 16000 * ms // and again, without one: always late, it still finds the dead
	r.carry(r.w.look(r.now, 300*ms))
	r.expect(`
		16.000 hang up
		16.000 failure (up) no answer within 2s
		16.000 failure (up) no answer within 2s
		16.000 dial`)
	r.now = 16800 * ms
	r.carry(r.w.look(r.now, 300*ms))
	r.expect(`
		16.800 hang up
		16.800 failure (down) no connection within 500ms`)
}

func TestLookSlack(t *testing.T) {
	for period, want := range map[time.Duration]time.Duration{10 * ms: 10 * ms, 100 * ms: 20 * ms, time.Minute: 50 * ms} {
		if got := lookSlack(period); got != want {
			t.Errorf("after %s a look may be %s late, want %s", period, got, want)
		}
	}
}

// When down, dials follow each other from the interval up to four of them, or 5 s.
func TestWatchOfADeadServer(t *testing.T) {
	for _, c := range []struct {
		interval, most time.Duration
	}{{time.Second, 4 * time.Second}, {2 * time.Second, 5 * time.Second}, {10 * time.Second, 10 * time.Second}} {
		timing := eager
		timing.Interval = c.interval
		r := rehearse(t, timing)
		r.run(300 * ms)
		var gaps []time.Duration
		for len(gaps) < 12 {
			began := r.w.redial.began
			r.end(syscall.ECONNREFUSED)
			r.run(r.w.due)
			gaps = append(gaps, r.w.redial.began-began)
		}
		want := []time.Duration{200 * ms, 200 * ms, c.interval}
		for len(want) < 12 {
			want = append(want, min(want[len(want)-1]/2*3, c.most))
		}
		if diff := cmp.Diff(want, gaps); diff != "" {
			t.Errorf("interval %s: gaps (-want +got):\n%s", c.interval, diff)
		}
	}
}

func TestJitterKeepsDialsApart(t *testing.T) {
	for _, jitter := range []float64{0, 0.5, 0.999} {
		r := rehearse(t, eager)
		r.w.jitter = jitter
		r.run(300 * ms)
		for range 3 {
			r.end(syscall.ECONNREFUSED)
			r.run(r.w.due)
		}
		want := moment(float64(700*ms) + float64(time.Second)*(1-jitter/5))
		if d := r.w.redial.began - want; d < -ms || d > ms {
			t.Errorf("jitter %v: dialled at %v, want %v", jitter, r.w.redial.began, want)
		}
	}
}

// A program that takes a connection, answers and closes it can't keep us dialling.
func TestWatchOfAProgramThatClosesEachConnection(t *testing.T) {
	r := settled(t, eager)
	dials := 0
	for r.now < 20*time.Second {
		r.end(io.EOF)
		r.run(max(r.now, r.w.due))
		r.connect()
		r.up(1)
		dials++
	}
	if dials > 102 {
		t.Errorf("%d dials in 10 s", dials)
	}
	if r.tracker.verdict != Up {
		t.Error("failures that are not consecutive added up")
	}
}

// A program that dies may take the first redial before its listener is closed.
func TestWatchOfADyingProgram(t *testing.T) {
	r := settled(t, eager)
	r.shorten = true
	r.run(10700 * ms)
	r.end(io.EOF)
	r.connect()
	r.end(syscall.ECONNRESET)
	r.run(10701 * ms)
	r.end(syscall.ECONNREFUSED)
	r.expect(`
		10.700 hang up
		10.700 failure (up) connection closed by the program
		10.700 dial
		10.700 send line for 1s
		10.700 hang up
		10.701 dial
		10.701 hang up
		10.701 refusal (down) its program is gone`)

	r = settled(t, eager)
	r.run(10700 * ms)
	r.end(io.EOF)
	for r.w.redial.bereaved { // it resets each connection, and lives
		r.connect()
		r.end(syscall.ECONNRESET)
		r.run(r.w.due)
	}
	if got := r.log.String(); strings.Count(got, "failure") != 2 || !strings.Contains(got, "failure (up) connection reset while waiting for the answer") {
		t.Error(got)
	}
	if dials := len(r.lines) - 1; dials != 8 {
		t.Errorf("%d redials of a program that seemed to die", dials)
	}
}

// Own troubles are inconclusive, and tried again with a pause; the first redial is still
// to come.
func TestWatchWithoutPorts(t *testing.T) {
	r := settled(t, eager)
	r.run(10700 * ms)
	r.end(io.EOF)
	r.end(syscall.EMFILE)
	r.shorten = true
	r.run(11700 * ms)
	r.end(syscall.ECONNREFUSED)
	r.expect(`
		10.700 hang up
		10.700 failure (up) connection closed by the program
		10.700 dial
		10.700 hang up
		10.700 inconclusive (up) this director is out of file descriptors: raise LimitNOFILE of its service
		11.700 dial
		11.700 hang up
		11.700 refusal (down) its program is gone`)
}

// A server that comes up again is asked for answers at the fast interval, until it is up.
func TestWatchOfAServerThatComesBack(t *testing.T) {
	timing := eager
	timing.Rise = 3
	r := settled(t, timing)
	r.hear("MONITOR/1 down service=a instance=i seq=2")
	r.run(11000 * ms)
	r.up(3)
	r.run(11200 * ms)
	r.up(4) // at once, to the further line
	r.run(11400 * ms)
	r.up(5)
	r.run(11500 * ms)
	r.up(6)
	r.run(12500 * ms)
	r.expect(`
		10.000 refusal (down) monitor says down
		11.000 success (down)
		11.200 send line for 200ms
		11.200 success (down)
		11.400 success (up)
		11.400 send line for 1s
		11.500 success (up)`)
}

// The program takes whoever is slow for HAProxy: it is asked once more, within the deadline.
func TestWatchOfAnAgent(t *testing.T) {
	r := rehearse(t, eager)
	r.run(300 * ms)
	r.connect()
	r.run(400 * ms)
	r.hear("up ready 80%")
	r.connect()
	r.run(500 * ms)
	r.up(1)
	r.expect(`
		0.300 dial
		0.300 send line for 1s
		0.400 dial
		0.400 send line for 1s
		0.500 success (up)`)

	r = rehearse(t, eager)
	r.run(300 * ms)
	r.connect()
	r.run(400 * ms)
	r.hear("maint")
	r.connect()
	r.run(800 * ms)
	r.expect(`
		0.300 dial
		0.300 send line for 1s
		0.400 dial
		0.400 send line for 1s
		0.800 hang up
		0.800 failure (unknown) no answer within 500ms`)

	r = settled(t, eager)
	for range 2 {
		r.end(io.EOF)
		r.run(r.w.due)
		r.log.Reset()
		r.connect()
		r.hear("up")
		r.connect()
		r.hear("up")
		if got := r.log.String(); !strings.Contains(got, agentInstead) {
			t.Error(got)
		}
		r.run(r.w.due)
		r.connect()
		r.up(1)
	}
}

func TestWatchRefusesAnswers(t *testing.T) {
	for _, c := range []struct{ line, reason string }{
		{"MONITOR/1 up service=b instance=i seq=2", `answer for another service: asked for "a", got "b"`},
		{"MONITOR/2 up service=a instance=i seq=2", `answer has the wrong version: the line begins with "MONITOR/2", wanted MONITOR/1`},
		{"MONITOR/1 up service=a instance=i", "answer is a malformed line: seq= is missing"},
		{"MONITOR/1 up service=a instance=j seq=2", "answers of two instances on one connection: each start of the program has a connection of its own"},
		{"MONITOR/1 up service=a instance=i seq=1", "answer's seq does not grow: 1 after 1"},
		{"MONITOR/1 up service=a instance=i seq=0", "answer's seq does not grow: 0 after 1"},
		{`MONITOR/1 error reason="nonce wanted"`, "the program wants signed requests: give the check its secret"},
		{`MONITOR/1 error reason="busy"`, "the program refused the request: busy"},
		{
			`MONITOR/1 error reason="the method watch is not supported (poll is)"`,
			"the program can't be watched: use mode: poll (it says: the method watch is not supported (poll is))",
		},
		{"HTTP/1.1 400 Bad Request", `answer is not a MONITOR line: it is "HTTP/1.1 400 Bad Request"`},
		{"up", `answer is not a MONITOR line: it is "up"`},
	} {
		r := settled(t, eager)
		r.run(10500 * ms)
		r.hear(c.line)
		r.run(10700 * ms)
		r.expect("10.500 hang up\n10.500 failure (up) " + c.reason + "\n10.700 dial")
	}
}

// Half a line does not end silence, and is named where the connection ends.
func TestWatchOfAProgramThatDrips(t *testing.T) {
	r := settled(t, eager)
	r.w.halfway = true
	r.run(11000 * ms)
	r.end(io.EOF)
	r.expect(`
		11.000 hang up
		11.000 failure (up) connection closed in the middle of the answer
		11.000 dial`)
	r = settled(t, eager)
	r.w.halfway = true
	r.run(12000 * ms)
	if !strings.Contains(r.log.String(), "no answer within 2s") {
		t.Error(r.log.String())
	}
}

func TestWatchOfAProgramThatFloods(t *testing.T) {
	r := settled(t, eager)
	r.run(10500 * ms)
	for seq := 2; r.w.stage == following && seq < 1000; seq++ {
		r.hear(fmt.Sprintf("MONITOR/1 up service=a instance=i seq=%d", seq))
	}
	if got := r.log.String(); strings.Count(got, "success") > 160 || !strings.Contains(got, "failure (up) answers too often") {
		t.Error(got)
	}

	// What gathered while the director was away belongs to that time.
	r = settled(t, eager)
	r.run(10500 * ms)
	r.w.emptied(r.now)
	r.now = 40 * time.Second
	for seq := range 1000 {
		r.hear(fmt.Sprintf("MONITOR/1 up service=a instance=i seq=%d", seq+2))
	}
	if r.w.stage != following {
		t.Error("answers of half a minute, read at once, were too many")
	}
}

// With a secret each nonce serves ten intervals. Answers to the former line are taken
// until two intervals after.
func TestWatchRenewsItsNonce(t *testing.T) {
	r := settled(t, eager)
	answered := ""
	r.w.verify = func(request, _ []byte) error {
		if string(request) != answered {
			return wire.ErrBadMAC
		}
		return nil
	}
	r.end(io.EOF)
	r.run(r.w.due)
	r.connect()
	answered = "watch 2"
	for seq := range 12 {
		if seq == 11 { // in time: this one was on its way
			answered = "watch 2"
		}
		r.up(seq)
		if len(r.lines) == 3 {
			answered = "watch 3"
		}
		r.run(r.now + time.Second)
	}
	if r.w.stage != following || len(r.lines) != 3 {
		t.Fatalf("after %d lines:\n%s", len(r.lines), r.log.String())
	}
	r.log.Reset()
	answered = "watch 2"
	r.up(12) // the socket was last empty a second before the two intervals were over
	if r.w.stage != following {
		t.Fatalf("what may have been sent in time was refused:\n%s", r.log.String())
	}
	r.run(r.now + time.Second)
	r.w.emptied(r.now)
	r.run(r.now + 500*ms)
	r.up(13)
	if got := r.log.String(); !strings.Contains(got, "failure (up) answers don't follow the new nonce") {
		t.Error(got)
	}
}

func TestWatchSendsNoLineBeforeTheFormerIsFollowed(t *testing.T) {
	l := watchLine{nextAt: never}
	l.replace(0, []byte("one"), time.Second, time.Second/2)
	if l.settle(20*time.Second, time.Second, true) || l.settle(0, 2*time.Second, true) {
		t.Error("a line that nobody has answered was replaced")
	}
	l.answered = true
	if l.settle(9*time.Second, time.Second, true) || l.settle(20*time.Second, time.Second, false) {
		t.Error("a line is renewed too early, or where there is no nonce")
	}
	if !l.settle(10*time.Second, time.Second, true) {
		t.Error("a line was not renewed after ten intervals")
	}
}

func TestUnsignedAnswersToASignedWatch(t *testing.T) {
	r := settled(t, eager)
	r.w.verify = keyring{}.verifier([][]byte{newSecret})
	r.up(2)
	r.expect("10.000 hang up\n10.000 failure (up) answer has no mac: does the program have the secret?")
}

func TestVerifierAgreesWithWire(t *testing.T) {
	verify := keyring{}.verifier([][]byte{newSecret, oldSecret})
	request, answer := []byte("MONITOR/1 watch service=a"), []byte("MONITOR/1 up service=a instance=i seq=1")
	for _, secret := range [][]byte{newSecret, oldSecret, []byte("another secret..")} {
		signed, err := wire.Sign(request, answer, secret)
		if err != nil {
			t.Fatal(err)
		}
		for i := -1; i < len(signed); i++ {
			line := []byte(string(signed))
			if i >= 0 {
				line[i] ^= 1
			}
			got, want := verify(request, line), wire.Verify(request, line, newSecret, oldSecret)
			if (got == nil) != (want == nil) {
				t.Fatalf("%s\n%v, want %v", line, got, want)
			}
		}
	}
	if verify(request, nil) == nil || verify(request, answer) == nil {
		t.Error("an answer without a mac is authentic")
	}
}
