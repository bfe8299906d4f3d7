package wire

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// intervals are all that can be sent.
func intervals() *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.IntRange(10, 3600000), func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond })
}

// bareNames are names that need no quotes, as ids and services usually are.
func bareNames() *rapid.Generator[string] {
	return rapid.StringMatching(`[A-Za-z0-9._:/+\[\]-]{1,128}`)
}

func heartbeats() *rapid.Generator[Heartbeat] {
	return rapid.Custom(func(t *rapid.T) Heartbeat {
		return Heartbeat{
			State:    rapid.SampledFrom([]State{Up, Starting, Drain, Maint, Down}).Draw(t, "state"),
			ID:       bareNames().Draw(t, "id"),
			Service:  bareNames().Draw(t, "service"),
			Instance: rapid.Uint64().Draw(t, "instance"),
			Seq:      rapid.Uint64().Draw(t, "seq"),
			Interval: intervals().Draw(t, "interval"),
			Weight:   optionals(100).Draw(t, "weight"),
			Conns:    optionals(math.MaxUint64).Draw(t, "conns"),
			Served:   optionals(math.MaxUint64).Draw(t, "served"),
			Failed:   optionals(math.MaxUint64).Draw(t, "failed"),
			Reason:   CleanReason(rapid.String().Draw(t, "reason")),
		}
	})
}

func keys() *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), KeySize, KeySize) }

// signedLine prints a heartbeat and signs it.
func signedLine(t *rapid.T, h Heartbeat, key []byte) []byte {
	line, err := h.AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	if line, err = SignHeartbeat(line, key); err != nil {
		t.Fatal(err)
	}
	return line
}

func TestEveryIntervalComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := intervals().Draw(t, "interval")
		if got, err := ParseInterval(FormatInterval(d)); err != nil || got != d {
			t.Fatalf("%s is printed as %s and read as %s, error %v", d, FormatInterval(d), got, err)
		}
	})
}

func TestEveryInstanceComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Uint64().Draw(t, "start")
		if got, err := ParseInstance(FormatInstance(start)); err != nil || got != start {
			t.Fatalf("%d is printed as %s and read as %d, error %v", start, FormatInstance(start), got, err)
		}
	})
	// Instances can be compared as they stand on the line, too.
	if FormatInstance(0x00018f3c2a11b0c4) != "00018f3c2a11b0c4" || FormatInstance(9) >= FormatInstance(10) {
		t.Error("instances are not 16 digits whose order is that of the numbers")
	}
}

func TestEveryKeyComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := keys().Draw(t, "key")
		if got, err := ParseKey([]byte(FormatKey(key) + "\n")); err != nil || !bytes.Equal(got, key) {
			t.Fatalf("%x is read as %x, error %v", key, got, err)
		}
	})
}

// Two ids never have the same key, and neither is the secret's own mac of anything that MONITOR/1 signs: those begin
// with MONITOR/1.
func TestKeysDependOnSecretAndID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret, id := rapid.SliceOfN(rapid.Byte(), 16, 64).Draw(t, "secret"), names().Draw(t, "id")
		key := DeriveKey(secret, id)
		if len(key) != KeySize || !bytes.Equal(key, DeriveKey(secret, id)) {
			t.Fatalf("the key is %x", key)
		}
		if bytes.Equal(key, DeriveKey(secret, id+"0")) || bytes.Equal(key, DeriveKey(append(secret, '0'), id)) {
			t.Fatal("another id or secret has the same key")
		}
	})
}

// Whatever a program says of itself, its line fits what relays can carry; the director reads back what was said and
// verifies it, with an age or without; and with any one byte changed but in the age it doesn't.
func TestEveryHeartbeatComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, key := heartbeats().Draw(t, "heartbeat"), keys().Draw(t, "key")
		line := signedLine(t, h, key)
		if len(line)+len("\n") > MaxHeartbeat {
			t.Fatalf("%d bytes", len(line))
		}
		want := h
		if age := optionals(math.MaxInt64/uint64(time.Millisecond)).Draw(t, "age"); age.Given {
			line = AppendAged(nil, line, time.Duration(age.Value)*time.Millisecond)
			want.Age = age
		}
		if err := VerifyHeartbeat(line, key); err != nil {
			t.Fatal(err)
		}
		got, err := ParseHeartbeat(line)
		if err != nil {
			t.Fatal(err)
		}
		want.MAC = string(line[len(line)-macDigits:])
		if got != want {
			t.Fatalf("%s\nparses as %+v", line, got)
		}
		where := rapid.IntRange(0, len(line)-1).Draw(t, "changed byte")
		line[where] ^= rapid.ByteRange(1, 255).Draw(t, "change")
		changed, err := ParseHeartbeat(line)
		if err != nil || VerifyHeartbeat(line, key) != nil {
			return
		}
		if changed.Age, want.Age = (Optional{}), (Optional{}); changed != want {
			t.Fatalf("verified after a change: %s", line)
		}
	})
}

// A round of heartbeats comes back from its datagram as it was put in, and with any one byte changed it is refused.
func TestEveryRelayComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := keys().Draw(t, "key")
		r := Relay{
			ID:       names().Draw(t, "id"),
			Instance: rapid.Uint64().Draw(t, "instance"),
			Seq:      rapid.Uint64().Draw(t, "seq"),
			Interval: intervals().Draw(t, "interval"),
			Parts:    rapid.IntRange(1, maxParts).Draw(t, "parts"),
		}
		r.Part = rapid.IntRange(1, r.Parts).Draw(t, "part")
		room := MaxDatagram - RelayOverhead(r.ID)
		var children [][]byte
		for range rapid.IntRange(0, 6).Draw(t, "children") {
			line := signedLine(t, heartbeats().Draw(t, "child"), keys().Draw(t, "child's key"))
			line = AppendAged(nil, line, rapid.Just(250*time.Millisecond).Draw(t, "age"))
			if room -= len(line) + len("\n"); room < 0 {
				break
			}
			children = append(children, line)
		}
		r.Children = rapid.IntRange(len(children), maxChildren).Draw(t, "children of the round")
		datagram, err := AppendRelay(nil, r, key, children...)
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyRelay(datagram, key); err != nil {
			t.Fatal(err)
		}
		got, lines, err := ParseRelay(datagram)
		if err != nil {
			t.Fatal(err)
		}
		if got.MAC = ""; got != r || len(lines) != len(children) {
			t.Fatalf("%q\nparses as %+v and %d children", datagram, got, len(lines))
		}
		for i := range lines {
			if !bytes.Equal(lines[i], children[i]) {
				t.Fatalf("child %d is %q", i, lines[i])
			}
		}
		where := rapid.IntRange(0, len(datagram)-1).Draw(t, "changed byte")
		datagram[where] ^= rapid.ByteRange(1, 255).Draw(t, "change")
		if err := takeRelay(string(datagram), key); err == nil {
			t.Fatalf("taken after a change: %q", datagram)
		}
	})
}

// The longest heartbeat that needs no quotes is within MaxHeartbeat, and has room in the datagram of every relay whose
// id needs none, with the longest age.
func TestTheLongestHeartbeatFits(t *testing.T) {
	name := strings.Repeat("x", MaxName)
	h := Heartbeat{
		State: Starting, ID: name, Service: name, Instance: math.MaxUint64, Seq: math.MaxUint64, Interval: MaxInterval - time.Millisecond,
		Weight: Some(100), Conns: Some(math.MaxUint64), Served: Some(math.MaxUint64), Failed: Some(math.MaxUint64),
		Reason: CleanReason(strings.Repeat(`\`, 5000)),
	}
	line, err := h.AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	if line, err = SignHeartbeat(line, []byte("key")); err != nil || len(line)+1 > MaxHeartbeat {
		t.Fatalf("%d bytes, error %v", len(line), err)
	}
	padded := append(line, bytes.Repeat([]byte("x"), MaxHeartbeat-1-len(line))...)
	aged := AppendAged(nil, padded, math.MaxInt64)
	r := Relay{ID: name, Instance: math.MaxUint64, Seq: math.MaxUint64, Interval: MaxInterval - time.Millisecond, Part: maxParts, Parts: maxParts, Children: maxChildren}
	if _, err := AppendRelay(nil, r, []byte("key"), aged); err != nil {
		t.Errorf("%d bytes with the age: %v", len(aged), err)
	}
	full := bytes.Repeat([]byte("x"), MaxLine-1-len(" mac=")-64)
	if _, err := SignHeartbeat(full, nil); err != nil {
		t.Errorf("a line that just fits: %v", err)
	}
	if _, err := SignHeartbeat(append(full, 'x'), nil); err != ErrTooLong {
		t.Errorf("a line that just doesn't fit: %v", err)
	}
}

func TestAgesAreWholeMilliseconds(t *testing.T) {
	for age, want := range map[time.Duration]string{
		0: "x age=0", time.Nanosecond: "x age=0", 999999: "x age=0", time.Millisecond: "x age=1", -time.Hour: "x age=0",
		math.MaxInt64: "x age=9223372036854",
	} {
		if got := string(AppendAged(nil, []byte("x"), age)); got != want {
			t.Errorf("%s: %s, wanted %s", age, got, want)
		}
	}
}
