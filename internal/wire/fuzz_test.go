package wire

import (
	"bytes"
	"testing"

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
