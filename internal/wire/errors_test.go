package wire

import (
	"strings"
	"testing"
	"time"
)

// Errors are what an operator reads in status and explain, so their words are held here.
func TestParseErrorsAreSentences(t *testing.T) {
	parseRequest := func(line []byte) error { _, err := ParseRequest(line); return err }
	parseAnswer := func(line []byte) error { _, err := ParseAnswer(line); return err }
	parseHeartbeat := func(line []byte) error { _, err := ParseHeartbeat(line); return err }
	parseRelay := func(datagram []byte) error { _, _, err := ParseRelay(datagram); return err }
	parseAgent := func(line []byte) error { _, err := ParseAgent(line); return err }
	parseKey := func(text []byte) error { _, err := ParseKey(text); return err }
	cutHeartbeat := func(datagram []byte) error { _, err := CutHeartbeat(datagram); return err }
	const (
		beat  = "HEARTBEAT/1 up id=a service=b instance=00018f3c2a11b0c4 seq=1 interval=1s"
		relay = "RELAY/1 id=r instance=00018f3c2a0f6e10 seq=9 interval=1s"
	)
	zeros := strings.Repeat("0", 64)
	for _, c := range []struct {
		parse func([]byte) error
		line  string
		want  string
	}{
		{parseRequest, "GET / HTTP/1.1", `not a MONITOR line: it is "GET / HTTP/1.1"`},
		{parseRequest, strings.Repeat("x", 60), `not a MONITOR line: it is "` + strings.Repeat("x", 40) + `"…`},
		{parseRequest, "MONITOR/2 poll", `wrong version: the line begins with "MONITOR/2", wanted MONITOR/1`},
		{parseRequest, "MONITOR/1", `malformed line: the method is missing (poll or watch wanted)`},
		{parseRequest, "MONITOR/1 poll", `malformed line: service= is missing`},
		{parseRequest, `MONITOR/1 poll service=""`, `malformed line: the service is empty`},
		{parseRequest, "MONITOR/1 poll service=a nonce=xyz", `malformed line: the nonce is "xyz", not 32 lower-case hex digits`},
		{parseRequest, "MONITOR/1 poll service=a service=b", `malformed line: the key service is given twice`},
		{parseRequest, "MONITOR/1 Poll", `malformed line: after MONITOR/1 comes "Poll", which is neither a lower-case word nor key=value`},
		{parseRequest, "MONITOR/1 poll  a=b", `malformed line: " a=b" is not key=value with a lower-case key, one space between two of them`},
		{parseRequest, "MONITOR/1 poll a=b,c", `malformed line: the value of a is "b,c", which needs double quotes: without them it is 1..128 of A-Z a-z 0-9 . _ : / + - [ ]`},
		{parseRequest, `MONITOR/1 poll a="b`, `malformed line: the value of a has no closing quote`},
		{parseRequest, `MONITOR/1 poll a="\n"`, `malformed line: the value of a has a \ before neither \ nor "`},
		{parseRequest, `MONITOR/1 poll a="b"c`, `malformed line: after the value of a comes "c", not a space`},
		{parseRequest, "MONITOR/1 poll a=\xff", `malformed line: byte 18 is 0xff, which is not printable ASCII`},
		{parseRequest, "MONITOR/1 poll " + strings.Repeat("x", 1024), `line longer than 1024 bytes`},
		{parseAnswer, "MONITOR/1 error", `the program refused the request and gave no reason`},
		{parseAnswer, `MONITOR/1 error reason="nonce wanted"`, `the program refused the request: nonce wanted`},
		{parseAnswer, "MONITOR/1 fine", `malformed line: the state is "fine" (up, starting, drain, maint or down wanted)`},
		{parseAnswer, "MONITOR/1 up service=a instance=i", `malformed line: seq= is missing`},
		{parseAnswer, "MONITOR/1 up service=a instance=i seq=-1", `malformed line: the value of seq is "-1", not an unsigned 64-bit integer`},
		{parseAnswer, "MONITOR/1 up service=a instance=i seq=1 weight=101", `malformed line: the weight is 101 (0..100 percent wanted)`},
		{parseAnswer, "MONITOR/1 up service=a instance=i seq=1 mac=00 x=1", `malformed line: the mac is followed by x= (the mac comes last)`},
		{parseAnswer, "MONITOR/1 up service=a instance=i seq=1 mac=00", `malformed line: the mac is "00", not 64 lower-case hex digits`},
		{parseRequest, "MONITOR/1 watch service=a", `malformed line: interval= is missing`},
		{parseRequest, "MONITOR/1 watch service=a interval=1", `malformed line: the interval is "1" (a whole number of ms or s from 10ms to 3600s wanted, as in 500ms)`},
		{parseHeartbeat, "hello", `not a heartbeat: it is "hello"`},
		{parseHeartbeat, "HEARTBEAT/2 up", `wrong version: the line begins with "HEARTBEAT/2", wanted HEARTBEAT/1`},
		{parseHeartbeat, "HEARTBEAT/1 well", `malformed line: the state is "well" (up, starting, drain, maint or down wanted)`},
		{parseHeartbeat, "HEARTBEAT/1 up", `malformed line: id= is missing`},
		{parseHeartbeat, "HEARTBEAT/1 up id=a service=b", `malformed line: instance= is missing`},
		{parseHeartbeat, "HEARTBEAT/1 up id=a service=b instance=c0ffee", `malformed line: the instance is "c0ffee", not 16 lower-case hex digits`},
		{parseHeartbeat, beat + " weight=101", `malformed line: the weight is 101 (0..100 percent wanted)`},
		{parseHeartbeat, beat + " age=1 x=2", `malformed line: the age is followed by x= (only the mac comes after it)`},
		{parseHeartbeat, beat + ` age="1"`, `malformed line: the age stands in quotes`},
		{parseHeartbeat, beat + ` mac="` + zeros + `"`, `malformed line: the mac stands in quotes`},
		{parseHeartbeat, beat + " mac=" + zeros + " age=1", `malformed line: the mac is followed by age= (the mac comes last)`},
		{parseHeartbeat, strings.Repeat("x", 1024), `line longer than 1024 bytes`},
		{cutHeartbeat, "", `malformed line: the datagram is empty`},
		{cutHeartbeat, beat, `malformed line: the datagram's last line has no end`},
		{cutHeartbeat, beat + "\nabc", `malformed line: after the heartbeat's line come 3 bytes more`},
		{cutHeartbeat, strings.Repeat("x", 1201), `datagram longer than 1200 bytes`},
		{parseRelay, beat + "\n", `not a heartbeat: it is "HEARTBEAT/1 up id=a service=b instance=0"…`},
		{parseRelay, "RELAY/2 x\n", `wrong version: the line begins with "RELAY/2", wanted RELAY/1`},
		{parseRelay, "RELAY/1 up id=r\n", `malformed line: after RELAY/1 comes "up", which is not key=value`},
		{parseRelay, relay + "\n", `malformed line: part= is missing`},
		{parseRelay, relay + " part=3/2\n", `malformed line: the part is "3/2" (one such as 1/2 wanted, up to 65536)`},
		{parseRelay, relay + " part=1/1\n", `malformed line: children= is missing`},
		{parseRelay, relay + " part=1/1 children=2424833\n", `malformed line: the children are 2424833 (at most 2424832)`},
		{parseRelay, relay + " part=1/1 children=1\nx\ny\n", `malformed line: the datagram has 2 children's lines, and the whole round is said to have 1`},
		{parseAgent, "up and running", `malformed line: the agent says "and" (up, down, stopped, fail, ready, drain, maint, 75% or maxconn:30 wanted)`},
		{parseAgent, "# fine", `malformed line: the agent says nothing (up, down, stopped, fail, ready, drain, maint, 75% or maxconn:30 wanted)`},
		{parseAgent, "up #" + strings.Repeat("x", 1020), `line longer than 1024 bytes`},
		{parseKey, "not to be repeated", `not a key: 64 lower-case hex digits are wanted, as mainstay secret derive prints them`},
	} {
		err := c.parse([]byte(c.line))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q\n got %v\nwant %s", c.line, err, c.want)
		}
	}
}

func TestAcceptRefusesWhatWasNotAskedFor(t *testing.T) {
	request := []byte("MONITOR/1 poll service=bastion nonce=" + strings.Repeat("0", 32))
	answer := []byte("MONITOR/1 up service=mail instance=i seq=1")
	secret := []byte("0123456789abcdef")
	signed, err := Sign(request, answer, secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		received []byte
		service  string
		secrets  [][]byte
		want     string // "" accepts
	}{
		{answer, "mail", nil, ""},
		{signed, "mail", nil, ""}, // a director without a secret takes a signed answer
		{signed, "mail", [][]byte{secret}, ""},
		{signed, "mail", [][]byte{[]byte("the newer secret"), secret}, ""},
		{answer, "bastion", nil, `answer for another service: asked for "bastion", got "mail"`},
		{answer, "mail", [][]byte{secret}, `no mac: the program has no secret, or the answer isn't the program's`},
		{signed, "mail", [][]byte{[]byte("another secret !")}, `bad mac: the program has another secret, or the answer isn't to this request`},
		// The refusal is unsigned, and is told as what it is.
		{[]byte(`MONITOR/1 error reason="nonce wanted"`), "mail", [][]byte{secret}, `the program refused the request: nonce wanted`},
	} {
		got := ""
		if _, err := Accept(request, c.received, c.service, c.secrets...); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s for %s: %q, wanted %q", c.received, c.service, got, c.want)
		}
	}
}

func TestPrintErrorsNameThePart(t *testing.T) {
	long := strings.Repeat("x", 129)
	for _, c := range []struct{ printed, want string }{
		{Request{Service: "a"}.String(), `(malformed line: the method is missing (poll or watch wanted))`},
		{Request{Method: Poll}.String(), `(malformed line: the service is empty)`},
		{Request{Method: Poll, Service: long}.String(), `(malformed line: the service is 129 bytes long (at most 128))`},
		{Request{Method: Poll, Service: "é"}.String(), `(malformed line: the service is "é", which is not printable ASCII)`},
		{Request{Method: Poll, Service: "a", Target: "\n"}.String(), `(malformed line: the target is "\n", which is not printable ASCII)`},
		{Request{Method: Poll, Service: "a", Nonce: "1"}.String(), `(malformed line: the nonce is "1", not 32 lower-case hex digits)`},
		{Request{Method: "Poll", Service: "a"}.String(), `(malformed line: the verb is "Poll", not a lower-case word)`},
		{Request{Method: Watch, Service: "a"}.String(), `(malformed line: the interval is 0s (whole milliseconds from 10ms to 3600s wanted))`},
		{Request{Method: Watch, Service: "a", Interval: 10500 * time.Microsecond}.String(), `(malformed line: the interval is 10.5ms (whole milliseconds from 10ms to 3600s wanted))`},
		{Answer{State: "well"}.String(), `(malformed line: the state is "well" (up, starting, drain, maint or down wanted))`},
		{Answer{State: Up, Service: "a"}.String(), `(malformed line: the instance is empty)`},
		{Answer{State: Up, Service: "a", Instance: "i", Weight: Some(101)}.String(), `(malformed line: the weight is 101 (0..100 percent wanted))`},
		{Answer{State: Up, Service: "a", Instance: "i", Reason: "a\nb"}.String(), `(malformed line: the value of reason is "a\nb", which is not printable ASCII)`},
		{Answer{State: Up, Service: "a", Instance: "i", Reason: strings.Repeat(long, 8)}.String(), `(line longer than 1024 bytes)`},
		{Answer{State: Up, Service: "a", Instance: "i", MAC: "0"}.String(), `(malformed line: the mac is "0", not 64 lower-case hex digits)`},
		{Heartbeat{State: "well"}.String(), `(malformed line: the state is "well" (up, starting, drain, maint or down wanted))`},
		{Heartbeat{State: Up, Service: "a"}.String(), `(malformed line: the id is empty)`},
		{Heartbeat{State: Up, ID: "a", Interval: time.Second}.String(), `(malformed line: the service is empty)`},
		{Heartbeat{State: Up, ID: "a", Service: "b"}.String(), `(malformed line: the interval is 0s (whole milliseconds from 10ms to 3600s wanted))`},
		{Heartbeat{State: Up, ID: "a", Service: "b", Interval: time.Second, Weight: Some(101)}.String(), `(malformed line: the weight is 101 (0..100 percent wanted))`},
		{Heartbeat{State: Up, ID: "a", Service: "b", Interval: time.Second, Reason: "a\tb"}.String(), `(malformed line: the value of reason is "a\tb", which is not printable ASCII)`},
		{Heartbeat{State: Up, ID: "a", Service: "b", Interval: time.Second, MAC: "0"}.String(), `(malformed line: the mac is "0", not 64 lower-case hex digits)`},
		{Heartbeat{State: Up, ID: "a", Service: "b", Interval: time.Second, Reason: strings.Repeat("x", 1000)}.String(), `(line longer than 1024 bytes)`},
	} {
		if c.printed != c.want {
			t.Errorf("\n got %s\nwant %s", c.printed, c.want)
		}
	}
	for _, l := range []Line{
		{Protocol: "monitor/1"},
		{Protocol: "MONITOR/1", Fields: []Field{{Key: "A", Value: "b"}}},
		{Protocol: "MONITOR/1", Fields: []Field{{Key: "a", Value: "1"}, {Key: "a", Value: "1"}}},
	} {
		if text, err := l.AppendText([]byte("before")); err == nil || string(text) != "before" {
			t.Errorf("%+v prints as %q, error %v", l, text, err)
		}
	}
}
