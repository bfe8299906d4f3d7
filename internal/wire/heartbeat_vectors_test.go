package wire

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// heartbeatVectors is testdata/heartbeat1.json, which implementations in other languages read as well.
type heartbeatVectors struct {
	About []string
	Keys  []struct {
		Secret string `json:"secret_hex"`
		ID     string
		Key    string `json:"key_hex"`
	}
	KeyFiles []struct {
		Text, Error string
		Key         string `json:"key_hex"`
	} `json:"key_files"`
	Intervals []struct {
		Text, Canonical string
		MS              int64
	}
	IntervalsRefused []string `json:"intervals_refused"`
	Heartbeats       []struct {
		Name, Line, Canonical, Error string
		Heartbeat                    struct {
			State                                           State
			ID, Service, Instance, Seq                      string
			IntervalMS                                      int64 `json:"interval_ms"`
			Weight, Conns, Served, Failed, Reason, Age, MAC string
		}
	}
	MACs []struct {
		Name, Line, Signed string
		Key                string `json:"key_hex"`
	}
	Aged []struct {
		Name, Line, Aged string
		Key              string `json:"key_hex"`
		AgeMS            int64  `json:"age_ms"`
	}
	MACsRefused []struct {
		Name, Received, Error string
		Key                   string `json:"key_hex"`
	} `json:"macs_refused"`
	Datagrams []struct {
		Name, Datagram, Line, Error string
	}
	Relays []struct {
		Name, Datagram string
		Key            string `json:"key_hex"`
		Children       []string
		Relay          struct {
			ID, Instance, Seq     string
			IntervalMS            int64 `json:"interval_ms"`
			Part, Parts, Children int
		}
	}
	RelaysTaken []struct {
		Name, Datagram string
		Key            string `json:"key_hex"`
	} `json:"relays_taken"`
	RelaysRefused []struct {
		Name, Datagram, Error string
		Key                   string `json:"key_hex"`
	} `json:"relays_refused"`
}

func readHeartbeatVectors(t testing.TB) (v heartbeatVectors) {
	t.Helper()
	readJSON(t, "testdata/heartbeat1.json", &v)
	return v
}

func TestVectorKeys(t *testing.T) {
	v := readHeartbeatVectors(t)
	for _, k := range v.Keys {
		if got := FormatKey(DeriveKey(unhex(t, k.Secret), k.ID)); got != k.Key {
			t.Errorf("the key of %s is %s, wanted %s", k.ID, got, k.Key)
		}
	}
	for _, k := range v.KeyFiles {
		key, err := ParseKey([]byte(k.Text))
		if errorOf(err) != k.Error || !bytes.Equal(key, unhex(t, k.Key)) {
			t.Errorf("%q is the key %x, error %v; wanted %q, %q", k.Text, key, err, k.Key, k.Error)
		}
		if err == nil && len(key) != KeySize {
			t.Errorf("%q is a key of %d bytes", k.Text, len(key))
		}
	}
}

func TestVectorIntervals(t *testing.T) {
	v := readHeartbeatVectors(t)
	for _, i := range v.Intervals {
		want := time.Duration(i.MS) * time.Millisecond
		if got, err := ParseInterval(i.Text); err != nil || got != want {
			t.Errorf("%s is %s, error %v; wanted %s", i.Text, got, err, want)
		}
		canonical := i.Text
		if i.Canonical != "" {
			canonical = i.Canonical
		}
		if got := FormatInterval(want); got != canonical {
			t.Errorf("%s prints as %s, wanted %s", want, got, canonical)
		}
	}
	for _, text := range v.IntervalsRefused {
		if got, err := ParseInterval(text); errorOf(err) != "malformed" || got != 0 {
			t.Errorf("%q is %s, error %v; wanted an error", text, got, err)
		}
	}
}

func TestVectorHeartbeats(t *testing.T) {
	for _, v := range readHeartbeatVectors(t).Heartbeats {
		t.Run(v.Name, func(t *testing.T) {
			h, err := ParseHeartbeat([]byte(v.Line))
			if got := errorOf(err); got != v.Error {
				t.Fatalf("error %v is %q, wanted %q", err, got, v.Error)
			}
			if err != nil {
				if h != (Heartbeat{}) {
					t.Errorf("with the error comes %+v", h)
				}
				return
			}
			w := v.Heartbeat
			want := Heartbeat{
				State: w.State, ID: w.ID, Service: w.Service, Instance: optional(t, w.Instance).Value,
				Seq: optional(t, w.Seq).Value, Interval: time.Duration(w.IntervalMS) * time.Millisecond,
				Weight: optional(t, w.Weight), Conns: optional(t, w.Conns), Served: optional(t, w.Served),
				Failed: optional(t, w.Failed), Reason: w.Reason, Age: optional(t, w.Age), MAC: w.MAC,
			}
			if diff := cmp.Diff(want, h); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			line := v.Line
			if v.Canonical != "" {
				line = v.Canonical
			}
			if h.String() != line {
				t.Errorf("prints as %s, wanted %s", h, line)
			}
		})
	}
}

func TestVectorHeartbeatMACs(t *testing.T) {
	v := readHeartbeatVectors(t)
	for _, m := range v.MACs {
		t.Run(m.Name, func(t *testing.T) {
			key := unhex(t, m.Key)
			signed, err := SignHeartbeat([]byte(m.Line), key)
			if err != nil || string(signed) != m.Signed {
				t.Errorf("signed as %s, error %v\nwanted %s", signed, err, m.Signed)
			}
			// During a rotation a director verifies under the key of each of its secrets.
			if err := VerifyHeartbeat([]byte(m.Signed), DeriveKey([]byte("the next secret"), "a"), key); err != nil {
				t.Error(err)
			}
			if _, err := ParseHeartbeat([]byte(m.Signed)); err != nil {
				t.Error(err)
			}
		})
	}
	for _, a := range v.Aged {
		t.Run(a.Name, func(t *testing.T) {
			got := AppendAged([]byte("before "), []byte(a.Line), time.Duration(a.AgeMS)*time.Millisecond+999*time.Microsecond)
			if string(got) != "before "+a.Aged {
				t.Errorf("aged is %s\nwanted %s", got, a.Aged)
			}
			if h, err := ParseHeartbeat([]byte(a.Aged)); err != nil || h.Age != Some(uint64(a.AgeMS)) {
				t.Errorf("parses with the age %v, error %v", h.Age, err)
			}
			if a.Key != "" {
				if err := VerifyHeartbeat([]byte(a.Aged), unhex(t, a.Key)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, m := range v.MACsRefused {
		t.Run(m.Name, func(t *testing.T) {
			if err := VerifyHeartbeat([]byte(m.Received), unhex(t, m.Key)); errorOf(err) != m.Error {
				t.Errorf("error %v is %q, wanted %q", err, errorOf(err), m.Error)
			}
		})
	}
}

func TestVectorDatagrams(t *testing.T) {
	for _, d := range readHeartbeatVectors(t).Datagrams {
		line, err := CutHeartbeat([]byte(d.Datagram))
		if errorOf(err) != d.Error || string(line) != d.Line || (line == nil) != (err != nil) {
			t.Errorf("%s: line %.80q, error %v; wanted %.80q, %q", d.Name, line, err, d.Line, d.Error)
		}
	}
}

func TestVectorRelays(t *testing.T) {
	v := readHeartbeatVectors(t)
	for _, r := range v.Relays {
		t.Run(r.Name, func(t *testing.T) {
			w := r.Relay
			want := Relay{
				ID: w.ID, Instance: optional(t, w.Instance).Value, Seq: optional(t, w.Seq).Value,
				Interval: time.Duration(w.IntervalMS) * time.Millisecond, Part: w.Part, Parts: w.Parts, Children: w.Children,
			}
			var children [][]byte
			for _, c := range r.Children {
				children = append(children, []byte(c))
			}
			var key []byte
			if r.Key != "" {
				key = unhex(t, r.Key)
			}
			if got, err := AppendRelay([]byte("before"), want, key, children...); err != nil || string(got) != "before"+r.Datagram {
				t.Errorf("prints as %q, error %v\nwanted %q", got, err, r.Datagram)
			}
			if !IsRelay([]byte(r.Datagram)) {
				t.Error("is not recognised as a relay's")
			}
			got, lines, err := ParseRelay([]byte(r.Datagram))
			if err != nil {
				t.Fatal(err)
			}
			if (got.MAC != "") != (key != nil) {
				t.Errorf("its mac is %q", got.MAC)
			}
			if got.MAC = ""; got != want {
				t.Errorf("parses as %+v, wanted %+v", got, want)
			}
			if diff := cmp.Diff(children, lines); diff != "" {
				t.Errorf("children (-want +got)\n%s", diff)
			}
			if key != nil {
				if err := VerifyRelay([]byte(r.Datagram), []byte("the next key"), key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, r := range v.RelaysTaken {
		t.Run(r.Name, func(t *testing.T) {
			if err := takeRelay(r.Datagram, unhex(t, r.Key)); err != nil {
				t.Error(err)
			}
		})
	}
	for _, r := range v.RelaysRefused {
		t.Run(r.Name, func(t *testing.T) {
			if err := takeRelay(r.Datagram, unhex(t, r.Key)); errorOf(err) != r.Error {
				t.Errorf("error %v is %q, wanted %q", err, errorOf(err), r.Error)
			}
			if got, children, err := ParseRelay([]byte(r.Datagram)); err != nil && (got != (Relay{}) || children != nil) {
				t.Errorf("with the error comes %+v and %q", got, children)
			}
		})
	}
}

// takeRelay is what a director does with a relay's datagram before it looks at its children.
func takeRelay(datagram string, key []byte) error {
	if _, _, err := ParseRelay([]byte(datagram)); err != nil {
		return err
	}
	return VerifyRelay([]byte(datagram), key)
}

func TestIsRelayLooksAtTheProtocolOnly(t *testing.T) {
	for datagram, want := range map[string]bool{
		"RELAY/1 id=a\n": true, "RELAY/2 anything": true, "RELAY/": true,
		"": false, "RELAY": false, "relay/1 id=a\n": false, "HEARTBEAT/1 up\n": false, " RELAY/1": false,
	} {
		if got := IsRelay([]byte(datagram)); got != want {
			t.Errorf("%q: %t, wanted %t", datagram, got, want)
		}
	}
}

func TestWhatARelayCannotSend(t *testing.T) {
	good := Relay{ID: "r", Interval: time.Second, Part: 1, Parts: 1, Children: 1}
	line := []byte("x")
	for _, c := range []struct {
		change   func(*Relay)
		children [][]byte
		want     string
	}{
		{func(*Relay) {}, [][]byte{line}, ""},
		{func(r *Relay) { r.Children = 2 }, [][]byte{line}, ""}, // the other child is in another part
		{func(r *Relay) { r.ID = "" }, nil, "malformed line: the id is empty"},
		{func(r *Relay) { r.Interval = time.Microsecond }, nil, "malformed line: the interval is 1µs (whole milliseconds from 10ms to 3600s wanted)"},
		{func(r *Relay) { r.Interval = 2 * time.Hour }, nil, "malformed line: the interval is 2h0m0s (whole milliseconds from 10ms to 3600s wanted)"},
		{func(r *Relay) { r.Part = 0 }, nil, "malformed line: the part is 0/1 (one such as 1/2 wanted, up to 65536)"},
		{func(r *Relay) { r.Part = 2 }, nil, "malformed line: the part is 2/1 (one such as 1/2 wanted, up to 65536)"},
		{func(r *Relay) { r.Parts = 65537 }, nil, "malformed line: the part is 1/65537 (one such as 1/2 wanted, up to 65536)"},
		{func(r *Relay) { r.Children = 0 }, [][]byte{line}, "malformed line: the round has 0 children, and this part 1 (at most 2424832)"},
		{func(r *Relay) { r.Children = -1 }, nil, "malformed line: the round has -1 children, and this part 0 (at most 2424832)"},
		{func(r *Relay) { r.Children = 2424833 }, nil, "malformed line: the round has 2424833 children, and this part 0 (at most 2424832)"},
		{func(*Relay) {}, [][]byte{nil}, "malformed line: the line of child 1 of the datagram is empty or has an end within"},
		{func(r *Relay) { r.Children = 2 }, [][]byte{line, []byte("x\ny")}, "malformed line: the line of child 2 of the datagram is empty or has an end within"},
		{func(*Relay) {}, [][]byte{bytes.Repeat(line, 1024)}, "line longer than 1024 bytes"},
		{func(r *Relay) { r.Children = 2 }, [][]byte{bytes.Repeat(line, 600), bytes.Repeat(line, 600)}, "datagram longer than 1200 bytes"},
	} {
		r := good
		c.change(&r)
		datagram, err := AppendRelay([]byte("before"), r, []byte("key"), c.children...)
		got := ""
		if err != nil {
			got = err.Error()
			if string(datagram) != "before" {
				t.Errorf("with %q comes %q", got, datagram)
			}
			if errorOf(err) == "" {
				t.Errorf("%q has no kind", got)
			}
		}
		if got != c.want {
			t.Errorf("%+v with %q: %q, wanted %q", r, c.children, got, c.want)
		}
	}
}

// Whatever a relay's id is, what RelayOverhead leaves is there for children, to the byte; and the longest heartbeat of
// the usual kind has room in it.
func TestRelayOverheadLeavesRoom(t *testing.T) {
	for _, id := range []string{"r", "rack 7", strings.Repeat("x", MaxName), strings.Repeat(`"`, MaxName)} {
		overhead := RelayOverhead(id)
		room := MaxDatagram - overhead - len("\n")
		longest := Relay{ID: id, Instance: 1<<64 - 1, Seq: 1<<64 - 1, Interval: 3599999 * time.Millisecond, Part: 65536, Parts: 65536, Children: 2424832}
		first, err := AppendRelay(nil, longest, []byte("key"))
		if err != nil || len(first) != overhead {
			t.Errorf("the first line of %.10s takes %d, error %v; RelayOverhead says %d", id, len(first), err, overhead)
		}
		child := bytes.Repeat([]byte("c"), min(room, MaxLine-1))
		if d, err := AppendRelay(nil, longest, []byte("key"), child); err != nil || len(d) > MaxDatagram {
			t.Errorf("a child of %d bytes: %d bytes, error %v", len(child), len(d), err)
		}
		if _, err := AppendRelay(nil, longest, []byte("key"), append(child, 'c')); errorOf(err) != "too-long" {
			t.Errorf("a child of %d bytes: error %v", len(child)+1, err)
		}
	}
	for _, id := range []string{"", "a\nb", strings.Repeat("x", MaxName+1)} {
		if got := RelayOverhead(id); got != MaxDatagram {
			t.Errorf("%.10q: %d, wanted all of the datagram", id, got)
		}
	}
}
