package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// vectors is testdata/monitor1.json, which implementations in other languages read as well.
type vectors struct {
	About    []string
	Lines    struct{ Valid, Invalid []string }
	Requests []struct {
		Name, Line, Canonical, Error string
		Request                      struct {
			Method                 Method
			Target, Service, Nonce string
			IntervalMS             int64 `json:"interval_ms"`
		}
	}
	Answers []struct {
		Name, Line, Canonical, Error, Reason string
		Answer                               struct {
			State                                      State
			Service, Instance, Seq                     string
			Weight, Conns, Served, Failed, Reason, MAC string
		}
	}
	MACs []struct {
		Name, Request, Answer, Signed string
		Secret                        string `json:"secret_hex"`
	}
	MACsRefused []struct {
		Name, Request, Received, Error string
		Secret                         string `json:"secret_hex"`
	} `json:"macs_refused"`
	Agent []struct {
		State                State
		Weight, Reason, Line string
	}
	AgentLines    []string `json:"agent_lines"`
	NotAgentLines []string `json:"not_agent_lines"`
	AgentParsed   []struct {
		Line, Percent, Operational, Administrative, Reason string
		MaxConns                                           string `json:"max_conns"`
	} `json:"agent_parsed"`
	AgentRefused []string `json:"agent_refused"`
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	readJSON(t, "testdata/monitor1.json", &v)
	return v
}

// readJSON reads a file of vectors. What is in it but not in v is an error: a vector that nobody tries.
func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// errorOf is the word that the vectors have for an error.
func errorOf(err error) string {
	if _, refused := errors.AsType[*RefusalError](err); refused {
		return "refused"
	}
	for word, sentinel := range map[string]error{
		"too-long": ErrTooLong, "malformed": ErrMalformed, "not-monitor": ErrNotMonitor, "version": ErrVersion,
		"wrong-service": ErrWrongService, "no-mac": ErrNoMAC, "bad-mac": ErrBadMAC, "not-heartbeat": ErrNotHeartbeat,
	} {
		if errors.Is(err, sentinel) {
			return word
		}
	}
	return ""
}

// optional reads a number of the vectors, where "" is an absent one.
func optional(t *testing.T, s string) Optional {
	t.Helper()
	if s == "" {
		return Optional{}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return Some(n)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorLines(t *testing.T) {
	v := readVectors(t)
	for _, line := range v.Lines.Valid {
		l, err := ParseLine([]byte(line))
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if got, err := l.AppendText(nil); err != nil || string(got) != line {
			t.Errorf("%q prints as %q, error %v", line, got, err)
		}
	}
	for _, line := range v.Lines.Invalid {
		if l, err := ParseLine([]byte(line)); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLong) {
			t.Errorf("%q parses as %+v, error %v; wanted an error", line, l, err)
		}
	}
}

func TestVectorRequests(t *testing.T) {
	for _, v := range readVectors(t).Requests {
		t.Run(v.Name, func(t *testing.T) {
			r, err := ParseRequest([]byte(v.Line))
			if got := errorOf(err); got != v.Error {
				t.Fatalf("error %v is %q, wanted %q", err, got, v.Error)
			}
			if err != nil {
				return
			}
			q := v.Request
			wanted := Request{
				Method: q.Method, Target: q.Target, Service: q.Service, Nonce: q.Nonce,
				Interval: time.Duration(q.IntervalMS) * time.Millisecond,
			}
			if diff := cmp.Diff(wanted, r); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			want := v.Line
			if v.Canonical != "" {
				want = v.Canonical
			}
			if r.String() != want {
				t.Errorf("prints as %s, wanted %s", r, want)
			}
		})
	}
}

func TestVectorAnswers(t *testing.T) {
	for _, v := range readVectors(t).Answers {
		t.Run(v.Name, func(t *testing.T) {
			a, err := ParseAnswer([]byte(v.Line))
			if got := errorOf(err); got != v.Error {
				t.Fatalf("error %v is %q, wanted %q", err, got, v.Error)
			}
			if refused, ok := errors.AsType[*RefusalError](err); ok && refused.Reason != v.Reason {
				t.Errorf("refused with %q, wanted %q", refused.Reason, v.Reason)
			}
			if err != nil {
				return
			}
			w := v.Answer
			want := Answer{
				State: w.State, Service: w.Service, Instance: w.Instance, Seq: optional(t, w.Seq).Value,
				Weight: optional(t, w.Weight), Conns: optional(t, w.Conns), Served: optional(t, w.Served),
				Failed: optional(t, w.Failed), Reason: w.Reason, MAC: w.MAC,
			}
			if diff := cmp.Diff(want, a); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			line := v.Line
			if v.Canonical != "" {
				line = v.Canonical
			}
			if a.String() != line {
				t.Errorf("prints as %s, wanted %s", a, line)
			}
		})
	}
}

func TestVectorMACs(t *testing.T) {
	v := readVectors(t)
	for _, m := range v.MACs {
		t.Run(m.Name, func(t *testing.T) {
			secret := unhex(t, m.Secret)
			signed, err := Sign([]byte(m.Request), []byte(m.Answer), secret)
			if err != nil || string(signed) != m.Signed {
				t.Errorf("signed as %s, error %v\nwanted %s", signed, err, m.Signed)
			}
			// During a rotation a director verifies under each of its secrets.
			if err := Verify([]byte(m.Request), []byte(m.Signed), []byte("the next secret"), secret); err != nil {
				t.Error(err)
			}
			if _, err := ParseAnswer([]byte(m.Signed)); err != nil {
				t.Error(err)
			}
		})
	}
	for _, m := range v.MACsRefused {
		t.Run(m.Name, func(t *testing.T) {
			err := Verify([]byte(m.Request), []byte(m.Received), unhex(t, m.Secret))
			if got := errorOf(err); got != m.Error {
				t.Errorf("error %v is %q, wanted %q", err, got, m.Error)
			}
			if a, err := Accept([]byte(m.Request), []byte(m.Received), "bastion", unhex(t, m.Secret)); err == nil {
				t.Errorf("accepted as %s", a)
			}
		})
	}
}

func TestVectorAgentLines(t *testing.T) {
	v := readVectors(t)
	for _, a := range v.Agent {
		answer := Answer{State: a.State, Weight: optional(t, a.Weight), Reason: a.Reason}
		line := AppendAgent(nil, answer)
		if string(line) != a.Line {
			t.Errorf("%s %s %q: %q, wanted %q", a.State, a.Weight, a.Reason, line, a.Line)
		}
		if !IsAgentLine(line) {
			t.Errorf("%q is not recognised as an agent line", line)
		}
	}
	for _, line := range v.AgentLines {
		if !IsAgentLine([]byte(line)) {
			t.Errorf("%q is not recognised as an agent line", line)
		}
	}
	for _, line := range v.NotAgentLines {
		if IsAgentLine([]byte(line)) {
			t.Errorf("%q is taken for an agent line", line)
		}
	}
}

func TestVectorAgentLinesAreRead(t *testing.T) {
	v := readVectors(t)
	for _, a := range v.AgentParsed {
		want := Agent{
			Percent: optional(t, a.Percent), MaxConns: optional(t, a.MaxConns),
			Operational: a.Operational, Administrative: a.Administrative, Reason: a.Reason,
		}
		if got, err := ParseAgent([]byte(a.Line)); err != nil || got != want {
			t.Errorf("%q reads as %+v, error %v; wanted %+v", a.Line, got, err, want)
		}
	}
	for _, line := range v.AgentRefused {
		if got, err := ParseAgent([]byte(line)); errorOf(err) != "malformed" || got != (Agent{}) {
			t.Errorf("%q reads as %+v, error %v; wanted an error", line, got, err)
		}
	}
}
