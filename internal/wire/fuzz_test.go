package wire

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seed gives a fuzzer every line of the vectors.
func seed(f *testing.F) {
	v := readVectors(f)
	add := func(lines ...string) {
		for _, line := range lines {
			f.Add([]byte(line))
		}
	}
	add(v.Lines.Valid...)
	add(v.Lines.Invalid...)
	add(v.AgentLines...)
	add(v.NotAgentLines...)
	for _, r := range v.Requests {
		add(r.Line)
	}
	for _, a := range v.Answers {
		add(a.Line)
	}
	for _, m := range v.MACs {
		add(m.Request, m.Signed)
	}
	for _, m := range v.MACsRefused {
		add(m.Received)
	}
	for _, a := range v.AgentParsed {
		add(a.Line)
	}
	add(v.AgentRefused...)
}

// seedHeartbeats gives a fuzzer every line and every datagram of the vectors of heartbeats and relays.
func seedHeartbeats(f *testing.F) {
	v := readHeartbeatVectors(f)
	for _, h := range v.Heartbeats {
		f.Add([]byte(h.Line))
	}
	for _, m := range v.MACs {
		f.Add([]byte(m.Line))
	}
	for _, a := range v.Aged {
		f.Add([]byte(a.Aged))
	}
	for _, m := range v.MACsRefused {
		f.Add([]byte(m.Received))
	}
	for _, d := range v.Datagrams {
		f.Add([]byte(d.Datagram))
	}
	for _, r := range v.Relays {
		f.Add([]byte(r.Datagram))
	}
	for _, r := range v.RelaysTaken {
		f.Add([]byte(r.Datagram))
	}
	for _, r := range v.RelaysRefused {
		f.Add([]byte(r.Datagram))
	}
}

// A line that is accepted prints back to the very same bytes.
func FuzzParseLine(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		l, err := ParseLine(line)
		if err != nil {
			return
		}
		if got, err := l.AppendText(nil); err != nil || !bytes.Equal(got, line) {
			t.Fatalf("%q prints as %q, error %v", line, got, err)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ParseRequest(line)
		if err != nil {
			return
		}
		printed, err := r.AppendText(nil)
		if err != nil {
			t.Fatalf("%q is accepted and doesn't print: %v", line, err)
		}
		if again, err := ParseRequest(printed); err != nil || again != r {
			t.Fatalf("%q parses as %+v, its print %q as %+v, error %v", line, r, printed, again, err)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := ParseAnswer(line)
		if err != nil {
			return
		}
		printed, err := a.AppendText(nil)
		if err != nil {
			t.Fatalf("%q is accepted and doesn't print: %v", line, err)
		}
		again, err := ParseAnswer(printed)
		if err != nil {
			t.Fatalf("%q prints as %q, which is refused: %v", line, printed, err)
		}
		if diff := cmp.Diff(a, again); diff != "" {
			t.Fatalf("%q, printed as %q, changes (-was +is)\n%s", line, printed, diff)
		}
		// The mac that the parser finds is the one that is verified.
		_, sum, ok := cutMAC(line)
		if ok != (a.MAC != "") || (ok && a.MAC != string(bytes.ToLower(line[len(line)-macDigits:]))) {
			t.Fatalf("%q: the parser finds the mac %q, the verifier %x", line, a.MAC, sum)
		}
	})
}

// Nothing but what Sign makes is verified, and a recogniser takes any bytes.
func FuzzVerify(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		request, secret := []byte("MONITOR/1 poll service=a"), []byte("0123456789abcdef")
		if err := Verify(request, line, secret); err == nil {
			t.Fatalf("%q is verified", line)
		}
		if IsAgentLine(line) && IsMonitor(line) {
			t.Fatalf("%q is taken for both an agent line and a MONITOR line", line)
		}
		signed, err := Sign(request, bytes.Clone(line), secret)
		if err != nil {
			return
		}
		if err := Verify(request, signed, secret); err != nil {
			t.Fatalf("%q: %v", signed, err)
		}
	})
}

// What the parser takes for age and mac is what the verifier cuts off: what a mac covers of a line that is accepted
// parses to the same values, less age and mac.
func FuzzParseHeartbeat(f *testing.F) {
	seedHeartbeats(f)
	key := DeriveKey([]byte("0123456789abcdef"), "a")
	f.Fuzz(func(t *testing.T, line []byte) {
		h, err := ParseHeartbeat(line)
		if err != nil {
			if errorOf(err) == "" || h != (Heartbeat{}) {
				t.Fatalf("%q: error %v of no kind, or a value with it: %+v", line, err, h)
			}
			return
		}
		printed, err := h.AppendText(nil)
		if err != nil {
			t.Fatalf("%q is accepted and doesn't print: %v", line, err)
		}
		if again, err := ParseHeartbeat(printed); err != nil || again != h {
			t.Fatalf("%q parses as %+v, its print %q as %+v, error %v", line, h, printed, again, err)
		}

		bare := line
		if covered, sum, ok := cutMAC(line); ok != (h.MAC != "") {
			t.Fatalf("%q: the parser finds the mac %q, the verifier %x", line, h.MAC, sum)
		} else if ok {
			bare = covered
		}
		covered := cutAge(bare)
		if (len(covered) < len(bare)) != h.Age.Given {
			t.Fatalf("%q: the parser finds the age %v, the verifier covers %q", line, h.Age, covered)
		}
		want := h
		want.Age, want.MAC = Optional{}, ""
		if got, err := ParseHeartbeat(covered); err != nil || got != want {
			t.Fatalf("%q: what a mac covers, %q, parses as %+v, error %v", line, covered, got, err)
		}

		// A sender signs it, a relay puts an age to it, and the director finds what the sender said.
		signed, err := SignHeartbeat(bytes.Clone(covered), key)
		if err != nil {
			return
		}
		aged := AppendAged(nil, signed, 1500*time.Millisecond)
		for _, l := range [][]byte{signed, aged} {
			if err := VerifyHeartbeat(l, key); err != nil {
				t.Fatalf("%q: %v", l, err)
			}
		}
		if len(aged) > maxContent {
			return
		}
		want.Age, want.MAC = Some(1500), string(signed[len(signed)-macDigits:])
		if got, err := ParseHeartbeat(aged); err != nil || got != want {
			t.Fatalf("%q parses as %+v, error %v", aged, got, err)
		}
	})
}

// A datagram that is accepted is of bounds, and the mac that the parser finds is the one that is verified; what it says
// can be sent again and then verifies.
func FuzzParseRelay(f *testing.F) {
	seedHeartbeats(f)
	key := DeriveKey([]byte("0123456789abcdef"), "a")
	f.Fuzz(func(t *testing.T, datagram []byte) {
		r, children, err := ParseRelay(datagram)
		if err != nil {
			if errorOf(err) == "" || r != (Relay{}) || children != nil {
				t.Fatalf("%q: error %v of no kind, or values with it", datagram, err)
			}
			return
		}
		if len(datagram) > MaxDatagram || !IsRelay(datagram) || r.Part < 1 || r.Part > r.Parts || len(children) > r.Children {
			t.Fatalf("%q is accepted as %+v", datagram, r)
		}
		if err := VerifyRelay(datagram, key); (errorOf(err) == "no-mac") != (r.MAC == "") {
			t.Fatalf("%q: the parser finds the mac %q, the verifier says %v", datagram, r.MAC, err)
		}
		printed, err := AppendRelay(nil, r, key, children...)
		if err != nil {
			// An empty line can't be sent; and what was unsigned, or used a number's short form, may grow too long.
			if errorOf(err) != "too-long" && errorOf(err) != "malformed" {
				t.Fatalf("%q can't be sent again: %v", datagram, err)
			}
			return
		}
		if err := VerifyRelay(printed, key); err != nil {
			t.Fatalf("%q: %v", printed, err)
		}
		again, lines, err := ParseRelay(printed)
		r.MAC, again.MAC = "", ""
		if err != nil || again != r || len(lines) != len(children) {
			t.Fatalf("%q parses as %+v, its print %q as %+v, error %v", datagram, r, printed, again, err)
		}
	})
}

// What reads as an agent's line says something, in known words, and nothing that reads so is a line of MONITOR.
func FuzzParseAgent(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := ParseAgent(line)
		if IsAgentLine(line) != (err == nil) {
			t.Fatalf("%q: is it one? error %v", line, err)
		}
		if err != nil {
			if errorOf(err) == "" || a != (Agent{}) {
				t.Fatalf("%q: error %v of no kind, or a value with it: %+v", line, err, a)
			}
			return
		}
		if IsMonitor(line) {
			t.Fatalf("%q is taken for both an agent line and a MONITOR line", line)
		}
		if (a == Agent{Reason: a.Reason}) {
			t.Fatalf("%q says nothing, and is accepted", line)
		}
		if CleanReason(a.Reason) != a.Reason {
			t.Fatalf("%q: the reason is %q", line, a.Reason)
		}
	})
}

// The pieces of a stream are its lines, their ends and what is left; no line is longer than it may be.
func FuzzCutLine(f *testing.F) {
	seed(f)
	seedHeartbeats(f)
	f.Fuzz(func(t *testing.T, buf []byte) {
		line, rest, err := CutLine(buf)
		switch {
		case err != nil:
			if err != ErrTooLong || line != nil || !bytes.Equal(rest, buf) || bytes.IndexByte(buf[:MaxLine], '\n') >= 0 {
				t.Fatalf("%q: line %q, rest %q, error %v", buf, line, rest, err)
			}
		case line == nil:
			if !bytes.Equal(rest, buf) || bytes.IndexByte(buf, '\n') >= 0 || len(buf) >= MaxLine {
				t.Fatalf("%q: no line, rest %q", buf, rest)
			}
		default:
			end := buf[len(line) : len(buf)-len(rest)]
			if !bytes.HasPrefix(buf, line) || (string(end) != "\n" && string(end) != "\r\n") || len(line)+len(end) > MaxLine {
				t.Fatalf("%q: line %q, end %q", buf, line, end)
			}
			if cap(line) != len(line) {
				t.Fatalf("%q: who appends to the line %q writes over what follows it", buf, line)
			}
		}
	})
}

// An interval that is accepted is within bounds, and prints to what reads back the same.
func FuzzParseInterval(f *testing.F) {
	v := readHeartbeatVectors(f)
	for _, i := range v.Intervals {
		f.Add(i.Text)
	}
	for _, text := range v.IntervalsRefused {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseInterval(text)
		if err != nil {
			return
		}
		if again, err := ParseInterval(FormatInterval(d)); err != nil || again != d || d < MinInterval || d > MaxInterval || len(text) > 9 {
			t.Fatalf("%q is %s, which prints as %s", text, d, FormatInterval(d))
		}
	})
}
