package checker

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"testing"
)

// scripted reads and writes what its lines say: those that begin with < are read.
func scripted(t *testing.T, lines ...string) func(net.Conn) {
	return func(c net.Conn) {
		for _, line := range lines {
			if line[0] != '<' {
				io.WriteString(c, line)
				continue
			}
			got := make([]byte, len(line)-1)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != line[1:] {
				t.Errorf("the server got %q and %v, want %q", got, err, line[1:])
				return
			}
		}
		silent(c)
	}
}

func TestExchange(t *testing.T) {
	send := func(s string) Step { return Step{Send: []byte(s)} }
	match := func(s string) Step { return Step{Expect: regexp.MustCompile(s)} }
	raw := func(want, mask string) Step { return Step{ExpectBytes: []byte(want), Mask: []byte(mask)} }
	for _, c := range []struct {
		name   string
		server []string
		steps  []Step
		answer Answer
		reason string
	}{
		{"SMTP", []string{"220 a ESMTP\r\n", "<QUIT\r\n", "221 bye\r\n"}, []Step{match("^220 "), send("QUIT\r\n"), match(`(?m)^221 `)}, Success, ""},
		{"an answer in pieces", []string{"2", "2", "0 a\r\n"}, []Step{match("^220 .*\n")}, Success, ""},
		{"what is matched is consumed", []string{"ab"}, []Step{match("a"), match("^b")}, Success, ""},
		{"and all before", []string{"xxab"}, []Step{match("a"), match("^b")}, Success, ""},
		{"bytes after an expression", []string{"a\x00\x01\x02"}, []Step{match("a"), raw("\x00\x07\x02", "\xff\x00\xff")}, Success, ""},
		{"an expression after bytes", []string{"\x00ab"}, []Step{raw("\x00", "\xff"), match("^ab")}, Success, ""},
		{"wrong bytes, known early", []string{"\x00\x09"}, []Step{raw("\x00\x01\x02\x03", "\xff\xff\x00\xff")}, Failure, "expected 0001??03, got 0009"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := serve(t, scripted(t, c.server...))
			expect(t, once(Spec{Target: target, Options: Exchange{Steps: c.steps}, Timing: patient}), c.answer, c.reason)
		})
	}
	for _, c := range []struct {
		name   string
		server func(net.Conn)
		steps  []Step
		timing Timing
		reason string
	}{
		{"another greeting", telling("554 no\r\n"), []Step{match("^220 ")}, hasty, `no match for ^220 within 1s, got "554 no\r\n"`},
		{"a step later", telling("220 a\r\n"), []Step{match("^220 .*\n"), send("x"), match("^y")}, hasty, "step 3: no match for ^y within 1s"},
		{"too few bytes", hangingUp("ab"), []Step{raw("abc", "\xff\xff\xff")}, patient, `connection closed before 616263, got "ab"`},
		{"a match in the last bytes", hangingUp("ab"), []Step{match("^ab$")}, patient, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := serve(t, c.server)
			answer := Failure
			if c.reason == "" {
				answer = Success
			}
			expect(t, once(Spec{Target: target, Options: Exchange{Steps: c.steps}, Timing: c.timing}), answer, c.reason)
		})
	}
}

// An exchange may end with what it sends.
func TestExchangeThatOnlySends(t *testing.T) {
	got := make(chan string, 1)
	target := serve(t, func(c net.Conn) {
		b := make([]byte, 4)
		io.ReadFull(c, b)
		got <- string(b)
	})
	expect(t, once(Spec{Target: target, Options: Exchange{Steps: []Step{{Send: []byte("ping")}}}, Timing: patient}), Success, "")
	if ping := <-got; ping != "ping" {
		t.Errorf("the server got %q", ping)
	}
}

// At most 64 KiB are read in all, over all steps.
func TestExchangeReads64KiB(t *testing.T) {
	target := serve(t, func(c net.Conn) {
		c.Write(bytes.Repeat([]byte("x"), maxExchange-1))
		io.WriteString(c, "yz")
		silent(c)
	})
	steps := []Step{{Expect: regexp.MustCompile("y")}}
	expect(t, once(Spec{Target: target, Options: Exchange{Steps: steps}, Timing: patient}), Success, "")
	steps = append(steps, Step{Expect: regexp.MustCompile("z")})
	expect(t, once(Spec{Target: target, Options: Exchange{Steps: steps}, Timing: patient}), Failure, "step 2: no match for z in the first 64 KiB")
}

func TestExchangeTranscript(t *testing.T) {
	target := serve(t, scripted(t, "220 a\r\n", "<QUIT\r\n", "221 b\r\n"))
	steps := []Step{{Expect: regexp.MustCompile("^220 .*\n")}, {Send: []byte("QUIT\r\n")}, {Expect: regexp.MustCompile("221 .*\n")}}
	r := once(Spec{Target: target, Options: Exchange{Steps: steps}, Timing: patient})
	expect(t, r, Success, "")
	if string(r.Sent) != "QUIT\r\n" || string(r.Read) != "220 a\r\n221 b\r\n" || r.Latency <= 0 {
		t.Errorf("sent %q, read %q in %s", r.Sent, r.Read, r.Latency)
	}
}

// Even where searching has become costly, what is there at the end is found.
func TestExchangeSearchesWhatCameLast(t *testing.T) {
	target := serve(t, hangingUp("aaaaaaaab"))
	c, bad := transport{target: target}.open(t.Context(), nil)
	if c == nil {
		t.Fatal(bad.Reason)
	}
	defer c.Close()
	in := inbox{conn: c, unread: bytes.Repeat([]byte("a"), 1000), effort: -1}
	expect(t, in.expect(regexp.MustCompile("b$")), Success, "")
}
