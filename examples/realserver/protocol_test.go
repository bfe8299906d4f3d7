package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFramesAreWhatTheProtocolSays(t *testing.T) {
	for _, c := range []struct {
		words string
		want  string
	}{
		{"whoami", "\x00\x00\x00\x01\x01"},
		{"echo hello there", "\x00\x00\x00\x0c\x02hello there"},
		{"work 50ms", "\x00\x00\x00\x05\x03\x00\x00\x00\x32"},
		{"stats", "\x00\x00\x00\x01\x04"},
		{"stick", "\x00\x00\x00\x05\x05\x00\x00\x00\x00"},
		{"stick 2", "\x00\x00\x00\x05\x05\x00\x00\x00\x02"},
		{"unstick", "\x00\x00\x00\x01\x06"},
		{"state drain rolling restart", "\x00\x00\x00\x16\x07drain rolling restart"},
		{"weight 80", "\x00\x00\x00\x05\x08\x00\x00\x00\x50"},
	} {
		r, err := parseWords(strings.Fields(c.words))
		if err != nil {
			t.Errorf("%s: %v", c.words, err)
			continue
		}
		var frame bytes.Buffer
		if err := writeRequest(&frame, r); err != nil || frame.String() != c.want {
			t.Errorf("%s is sent as %q, error %v; wanted %q", c.words, &frame, err, c.want)
		}
	}
	var frame bytes.Buffer
	if err := writeAnswer(&frame, answerf(refused, "no")); err != nil || frame.String() != "\x00\x00\x00\x03\x01no" {
		t.Errorf("an answer is sent as %q, error %v", &frame, err)
	}
}

func TestWordsThatAreNoRequest(t *testing.T) {
	for words, want := range map[string]string{
		"":            "a request is wanted: " + usage,
		"help":        `unknown request "help": ` + usage,
		"whoami now":  `whoami takes no argument, not "now"`,
		"work":        `work "": a duration up to 1m0s wanted, such as 50ms`,
		"work 2m":     `work "2m": a duration up to 1m0s wanted, such as 50ms`,
		"stick all":   `stick "all": a number wanted`,
		"weight":      `weight "": a number wanted`,
		"weight 80 %": `weight "80 %": a number wanted`,
	} {
		if r, err := parseWords(strings.Fields(words)); err == nil || err.Error() != want {
			t.Errorf("%q: %+v, error %v; wanted %s", words, r, err, want)
		}
	}
}

func TestFramesThatAreNone(t *testing.T) {
	for _, c := range []struct{ bytes, want string }{
		{"", "EOF"},
		{"\x00\x00", "unexpected EOF"},
		{"\x00\x00\x00\x02", "unexpected EOF"},
		{"\x00\x00\x00\x02\x01", "unexpected EOF"},
		{"\x00\x00\x00\x00", "a frame says that its payload has 0 bytes (1..65536 wanted)"},
		{"\x00\x01\x00\x01x", "a frame says that its payload has 65537 bytes (1..65536 wanted)"},
		{"\x00\x00\x00\x01\x03", "the answer begins with status 3 (0, 1 or 2 wanted)"},
	} {
		if a, err := readAnswer(strings.NewReader(c.bytes)); err == nil || err.Error() != c.want {
			t.Errorf("%q: %+v, error %v; wanted %s", c.bytes, a, err, c.want)
		}
	}
	err := writeRequest(io.Discard, request{echo, make([]byte, maxPayload)})
	if err == nil || err.Error() != "a payload of 65537 bytes is too long (at most 65536)" {
		t.Errorf("an overlong request: %v", err)
	}
}

// What is read as a request is written as the very same bytes.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x01"))
	f.Add([]byte("\x00\x00\x00\x0c\x02hello there and more"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := bytes.NewReader(stream)
		r, err := readRequest(in)
		if err != nil {
			if errors.Is(err, io.EOF) != (len(stream) == 0) {
				t.Fatalf("%d bytes: %v", len(stream), err)
			}
			return
		}
		var out bytes.Buffer
		if err := writeRequest(&out, r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(stream[:len(stream)-in.Len()], out.Bytes()); diff != "" {
			t.Fatalf("(-read +written)\n%s", diff)
		}
	})
}
