package wire

import (
	"bytes"
	"crypto/rand"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func names() *rapid.Generator[string] { return rapid.StringMatching(`[ -~]{1,128}`) }

func optionals(most uint64) *rapid.Generator[Optional] {
	return rapid.OneOf(rapid.Just(Optional{}), rapid.Map(rapid.Uint64Range(0, most), Some))
}

func requests() *rapid.Generator[Request] {
	return rapid.Custom(func(t *rapid.T) Request {
		methods := rapid.OneOf(rapid.SampledFrom([]string{"poll", "watch"}), rapid.StringMatching(`[a-z][a-z0-9_-]{0,31}`))
		r := Request{
			Method:  Method(methods.Draw(t, "method")),
			Target:  rapid.OneOf(names(), rapid.Just("")).Draw(t, "target"),
			Service: names().Draw(t, "service"),
			Nonce:   rapid.OneOf(rapid.StringMatching(`[0-9a-f]{32}`), rapid.Just("")).Draw(t, "nonce"),
		}
		if r.Method == Watch {
			r.Interval = intervals().Draw(t, "interval")
		}
		return r
	})
}

func answers() *rapid.Generator[Answer] {
	return rapid.Custom(func(t *rapid.T) Answer {
		return Answer{
			State:    rapid.SampledFrom([]State{Up, Starting, Drain, Maint, Down}).Draw(t, "state"),
			Service:  names().Draw(t, "service"),
			Instance: names().Draw(t, "instance"),
			Seq:      rapid.Uint64().Draw(t, "seq"),
			Weight:   optionals(100).Draw(t, "weight"),
			Conns:    optionals(math.MaxUint64).Draw(t, "conns"),
			Served:   optionals(math.MaxUint64).Draw(t, "served"),
			Failed:   optionals(math.MaxUint64).Draw(t, "failed"),
			Reason:   CleanReason(rapid.String().Draw(t, "reason")),
		}
	})
}

func TestEveryRequestComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := requests().Draw(t, "request")
		line, err := r.AppendText(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseRequest(line); err != nil || got != r {
			t.Fatalf("%s parses as %+v, error %v", line, got, err)
		}
	})
}

// Whatever names and reasons a program has, its answer fits a line, with its mac, and the director accepts it; with any
// one byte of request or answer changed it doesn't.
func TestEveryAnswerFitsALineAndItsMACHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, a := requests().Draw(t, "request"), answers().Draw(t, "answer")
		secret := rapid.SliceOfN(rapid.Byte(), 16, 64).Draw(t, "secret")
		request, err := r.AppendText(nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := a.AppendText(nil)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := Sign(request, answer, secret)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Accept(request, signed, a.Service, secret)
		if err != nil {
			t.Fatal(err)
		}
		if got.MAC == "" {
			t.Fatal("the mac is gone")
		}
		if got.MAC = ""; got != a {
			t.Fatalf("%s\nparses as %+v", signed, got)
		}
		where := rapid.IntRange(0, len(request)+len(signed)-1).Draw(t, "changed byte")
		change := rapid.ByteRange(1, 255).Draw(t, "change")
		if where < len(request) {
			request[where] ^= change
		} else {
			signed[where-len(request)] ^= change
		}
		if got, err := Accept(request, signed, a.Service, secret); err == nil {
			t.Fatalf("accepted after a change: %+v", got)
		}
	})
}

func TestTheLongestAnswerFits(t *testing.T) {
	worst := strings.Repeat(`"`, MaxName)
	a := Answer{
		State: Starting, Service: worst, Instance: worst, Seq: math.MaxUint64, Weight: Some(100),
		Conns: Some(math.MaxUint64), Served: Some(math.MaxUint64), Failed: Some(math.MaxUint64),
		Reason: CleanReason(strings.Repeat(`\`, 5000)),
	}
	line, err := a.AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	if line, err = Sign([]byte("MONITOR/1 poll service=a"), line, []byte("secret")); err != nil || len(line)+2 > MaxLine {
		t.Fatalf("%d bytes, error %v", len(line), err)
	}
	full := bytes.Repeat([]byte("x"), MaxLine-1-len(" mac=")-64)
	if _, err := Sign(nil, full, nil); err != nil {
		t.Errorf("a line that just fits: %v", err)
	}
	if _, err := Sign(nil, append(full, 'x'), nil); err != ErrTooLong {
		t.Errorf("a line that just doesn't fit: %v", err)
	}
}

func TestCleanReason(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"fine", "fine"},
		{"  two\nlines\tand\r\n", "two lines and"},
		{"caf\u00e9 \x00\x7f\xff", "caf? ???"},
		{strings.Repeat("x", 256), strings.Repeat("x", 256)},
		{strings.Repeat("x", 257), strings.Repeat("x", 253) + "..."},
		{strings.Repeat(`"`, 128), strings.Repeat(`"`, 128)},
		{strings.Repeat(`"`, 129), strings.Repeat(`"`, 126) + "..."},
		{strings.Repeat(" ", 5000) + "x", "..."},
	} {
		if got := CleanReason(c.text); got != c.want {
			t.Errorf("%q: %q, wanted %q", c.text, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		clean := CleanReason(rapid.String().Draw(t, "text"))
		if again := CleanReason(clean); again != clean {
			t.Fatalf("%q becomes %q", clean, again)
		}
	})
}

func TestNonce(t *testing.T) {
	nonce, err := NewNonce(bytes.NewReader([]byte("\x00\x01\x02\x03456789abcde\xff")))
	if err != nil || nonce != "000102033435363738396162636465ff" {
		t.Errorf("nonce %q, error %v", nonce, err)
	}
	if _, err := NewNonce(strings.NewReader("too few")); err == nil || !strings.HasPrefix(err.Error(), "make a nonce: ") {
		t.Errorf("from too few bytes: %v", err)
	}
	one, _ := NewNonce(rand.Reader)
	two, _ := NewNonce(rand.Reader)
	if !ValidNonce(one) || one == two {
		t.Errorf("nonces %q and %q", one, two)
	}
}
