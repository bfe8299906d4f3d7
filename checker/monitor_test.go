package checker

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

var (
	theServer = netip.MustParseAddrPort("192.0.2.21:2222")
	oldSecret = []byte("the older secret")
	newSecret = []byte("the newer secret")
)

// monitoring answers each request with what answer makes of it.
func monitoring(answer func(request string) string) func(net.Conn) {
	return func(c net.Conn) {
		request, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			return
		}
		io.WriteString(c, answer(strings.TrimSuffix(request, "\n")))
		silent(c)
	}
}

// always answers every request alike.
func always(answer string) func(string) string { return func(string) string { return answer } }

// signing answers with a line and its mac.
func signing(answer string, secret []byte) func(string) string {
	return func(request string) string {
		line, err := wire.Sign([]byte(request), []byte(answer), secret)
		if err != nil {
			panic(err)
		}
		return string(line) + "\n"
	}
}

func TestMonitor(t *testing.T) {
	const up = "MONITOR/1 up service=bastion instance=i seq=1"
	both := [][]byte{newSecret, oldSecret}
	down := func(reason string) Result { return refused(reason) }
	for _, c := range []struct {
		name    string
		secrets [][]byte
		answer  func(string) string
		want    Result
	}{
		{"up", nil, always(up + "\n"), success()},
		{"a line that ends as on Windows", nil, always(up + "\r\n"), success()},
		{"what follows is not looked at", nil, always(up + "\ngarbage"), success()},
		{"up with a reason", nil, always(up + ` reason="fine"` + "\n"), success()},
		{
			"a share of the weight", nil, always(up + " weight=80\n"),
			Result{Answer: Success, Percent: 80, Reason: "monitor says up with 80% of its weight"},
		},
		{
			"no weight at all", nil, always(up + ` weight=0 reason="full"` + "\n"),
			Result{Answer: Success, Percent: 0, Reason: "monitor says up with 0% of its weight: full"},
		},
		{
			"drain", nil, always("MONITOR/1 drain service=bastion instance=i seq=1 weight=50\n"),
			Result{Answer: Success, Mode: Draining, Percent: 50, Reason: "monitor says drain"},
		},
		{
			"maint", nil, always(`MONITOR/1 maint service=bastion instance=i seq=1 reason="disk swap"` + "\n"),
			Result{Answer: Success, Mode: Maintenance, Percent: 100, Reason: "monitor says maint: disk swap"},
		},
		{
			"starting", nil, always("MONITOR/1 starting service=bastion instance=i seq=1\n"),
			Result{Answer: Refusal, Starting: true, Percent: 100, Reason: "monitor says starting"},
		},
		{
			"down", nil, always(`MONITOR/1 down service=bastion instance=i seq=1 reason="stuck: worker idle 5.2 s"` + "\n"),
			down("monitor says down: stuck: worker idle 5.2 s"),
		},
		{
			"no such service", nil, always(`MONITOR/1 down service=bastion instance=i seq=1 reason="no such service"` + "\n"),
			down("monitor says down: no such service"),
		},

		{"signed", both, signing(up, newSecret), success()},
		{"signed with the older secret", both, signing(up, oldSecret), success()},
		{"signed and down", both, signing(`MONITOR/1 down service=bastion instance=i seq=1`, newSecret), down("monitor says down")},
		{"signed where nobody asked for it", nil, signing(up, newSecret), success()},
		{"another secret", both, signing(up, []byte("another secret..")), failed("answer's mac is wrong: is the secret the same on both sides?")},
		{"not signed", both, always(up + "\n"), failed("answer has no mac: does the program have the secret?")},
		{"down, but not signed", both, always("MONITOR/1 down service=bastion instance=i seq=1\n"), failed("answer has no mac: does the program have the secret?")},
		{
			"an answer to another request", both,
			func(string) string { return signing(up, newSecret)("MONITOR/1 poll service=bastion") },
			failed("answer's mac is wrong: is the secret the same on both sides?"),
		},
		{"nonce wanted", nil, always(`MONITOR/1 error reason="nonce wanted"` + "\n"), failed("the program wants signed requests: give the check its secret")},
		{"another refusal", nil, always(`MONITOR/1 error reason="no"` + "\n"), failed("the program refused the request: no")},

		{
			"another service", nil, always("MONITOR/1 up service=mail instance=i seq=1\n"),
			failed(`answer for another service: asked for "bastion", got "mail"`),
		},
		{
			"another version", nil, always("MONITOR/2 up service=bastion instance=i seq=1\n"),
			failed(`answer has the wrong version: the line begins with "MONITOR/2", wanted MONITOR/1`),
		},
		{"malformed", nil, always("MONITOR/1 up service=bastion instance=i\n"), failed("answer is a malformed line: seq= is missing")},
		{"another protocol", nil, always("HTTP/1.1 400 Bad Request\n"), failed(`answer is not a MONITOR line: it is "HTTP/1.1 400 Bad Request"`)},
		{"overlong", nil, always(up + ` reason="` + strings.Repeat("x", 1024) + `"` + "\n"), failed("answer is longer than 1024 bytes")},
		{
			"a long reason", nil, always(`MONITOR/1 down service=bastion instance=i seq=1 reason="` + strings.Repeat("x", 800) + `"` + "\n"),
			down("monitor says down: " + strings.Repeat("x", maxQuoted) + "..."),
		},
		{
			"an agent each time", nil, always("up ready 80%\n"),
			failed("answers as an HAProxy agent does, not as a monitor: is this its monitor port?"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := serve(t, monitoring(c.answer))
			got := once(Spec{Target: target, Options: Monitor{Server: theServer, Service: "bastion", Secrets: c.secrets}, Timing: patient})
			expect(t, got, c.want.Answer, c.want.Reason)
			if got.Mode != c.want.Mode || got.Percent != c.want.Percent || got.Starting != c.want.Starting {
				t.Errorf("%+v\nwant %+v", got, c.want)
			}
		})
	}
	target := nobodyThere(t)
	expect(t, once(Spec{Target: target, Options: Monitor{Server: theServer, Service: "bastion"}, Timing: patient}), Failure, "connection refused")
}

// A program takes whoever is slow to ask for HAProxy. It is asked once more, with
// another nonce.
func TestMonitorAsksAnAgentOnceMore(t *testing.T) {
	requests := make(chan string, 3)
	target := serve(t, monitoring(func(request string) string {
		requests <- request
		if len(requests) == 1 {
			return "down #starting\n"
		}
		return signing("MONITOR/1 up service=bastion instance=i seq=1", newSecret)(request)
	}))
	options := Monitor{Server: theServer, Service: "bastion", Secrets: [][]byte{newSecret}}
	expect(t, once(Spec{Target: target, Options: options, Timing: patient}), Success, "")
	if n := len(requests); n != 2 {
		t.Fatalf("the program was asked %d times", n)
	}
	if first, second := <-requests, <-requests; first == second {
		t.Errorf("both requests are %s", first)
	}
}

func TestMonitorRequest(t *testing.T) {
	requests := make(chan string, 1)
	target := serve(t, monitoring(func(request string) string {
		requests <- request
		return "MONITOR/1 up service=bastion instance=i seq=1\n"
	}))
	r := once(Spec{Target: target, Options: Monitor{Server: theServer, Service: "bastion"}, Timing: patient})
	const want = "MONITOR/1 poll target=192.0.2.21:2222 service=bastion"
	if got := <-requests; got != want {
		t.Errorf("the request is %s, want %s", got, want)
	}
	if string(r.Sent) != want+"\n" || string(r.Read) != "MONITOR/1 up service=bastion instance=i seq=1\n" {
		t.Errorf("sent %q, read %q", r.Sent, r.Read)
	}
	once(Spec{Target: target, Options: Monitor{Server: theServer, Service: "bastion", Secrets: [][]byte{newSecret}}, Timing: patient})
	got, err := wire.ParseRequest([]byte(<-requests))
	if err != nil || !wire.ValidNonce(got.Nonce) {
		t.Errorf("the request with a secret is %s (%v)", got, err)
	}
}

func TestMonitorThatBreaksOff(t *testing.T) {
	target := serve(t, hangingUp("MONITOR/1 up servi"))
	expect(t, once(Spec{Target: target, Options: Monitor{Server: theServer, Service: "a"}, Timing: patient}), Failure, "connection closed in the middle of the answer")
}
