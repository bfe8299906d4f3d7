package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRequests(t *testing.T) {
	p := start(t)
	for _, c := range []struct{ request, answer, err string }{
		{"whoami", "rs-1", ""},
		{"echo hello there", "hello there", ""},
		{"echo", "", ""},
		{"work 120ms", "done", ""},
		{"weight 80", "80", ""},
		{"weight 101", "", "refused: weight: the argument is 101 (at most 100)"},
		{"state drain rolling restart", "drain", ""},
		{"state asleep", "", `refused: state: unknown state "asleep" (up, starting, drain, maint or down wanted)`},
		{"unstick", "unstuck", ""},
	} {
		status, stdout, stderr := p.client(nil, strings.Fields(c.request)...)
		if c.err == "" && (status != 0 || stdout != c.answer+"\n") {
			t.Errorf("%s: status %d, stdout %q, stderr %q; wanted %q", c.request, status, stdout, stderr, c.answer)
		}
		if c.err != "" && (status != 1 || !strings.Contains(stderr, c.err)) {
			t.Errorf("%s: status %d, stderr %q; wanted %q", c.request, status, stderr, c.err)
		}
	}
	c, err := net.Dial("tcp", p.clients)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// A kind that there isn't, and an argument of the wrong length, are refused; the connection goes on.
	for request, want := range map[string]string{
		"\x00\x00\x00\x01\xff":     "unknown kind of request: 255",
		"\x00\x00\x00\x02\x03\x01": "work: the argument has 1 bytes (4 wanted)",
	} {
		fmt.Fprint(c, request)
		if a, err := readAnswer(c); err != nil || a.status != refused || string(a.text) != want {
			t.Errorf("%q: %d %s, error %v", request, a.status, a.text, err)
		}
	}
	// What is no frame ends it.
	fmt.Fprint(c, "\xff\xff\xff\xff")
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("after no frame: %q, error %v", rest, err)
	}
}

func TestStats(t *testing.T) {
	p := start(t, "-workers", "3", "-stuck-after", "200ms")
	p.want("rs-1", "whoami")
	p.want("3 of 3 workers asked to stick", "stick")
	p.direct().await("stuck: worker-1", "stuck: worker-2", "stuck: worker-3")
	_, stdout, _ := p.client(nil, "stats")
	var got struct {
		Name                                          string
		Workers, Stuck, Requests, Connections, Served int
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%q: %v", stdout, err)
	}
	// The connections of the requests before may not be gone yet.
	if got.Name != "rs-1" || got.Workers != 3 || got.Stuck != 3 || got.Requests != 0 || got.Served != 2 || got.Connections < 1 {
		t.Errorf("stats %+v", got)
	}
}

// The monitor tells what the port can't: the workers are stuck, and connections are still accepted.
func TestStuckWorkersAreSeen(t *testing.T) {
	for _, c := range []struct {
		name           string
		stick, unstick func(p *program)
	}{
		{"by request", func(p *program) { p.want("2 of 2 workers asked to stick", "stick") }, func(p *program) { p.want("unstuck", "unstick") }},
		{"by signal", func(p *program) { p.signal(syscall.SIGUSR1) }, func(p *program) { p.signal(syscall.SIGUSR2) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "-workers", "2", "-stuck-after", "200ms")
			d := p.direct()
			d.await("MONITOR/1 up service=realserver ")
			c.stick(p)
			d.await("MONITOR/1 down service=realserver ", "stuck: worker-1 no progress for ", "stuck: worker-2 no progress for ")
			if status, _, stderr := p.client(nil, "-timeout", "100ms", "whoami"); status != 1 || !strings.Contains(stderr, "no answer in time") {
				t.Errorf("whoami: status %d, stderr %q", status, stderr)
			}
			c.unstick(p)
			d.await("MONITOR/1 up service=realserver ")
			p.want("rs-1", "whoami")
		})
	}
}

// One stuck worker is enough for the monitor, though the others still serve.
func TestOneStuckWorkerIsSeen(t *testing.T) {
	p := start(t, "-workers", "2", "-stuck-after", "200ms")
	p.want("1 of 2 workers asked to stick", "stick", "1")
	p.direct().await("MONITOR/1 down ", "stuck: worker-")
	p.want("rs-1", "whoami")
}

func TestTheMonitorTellsStateWeightAndCounters(t *testing.T) {
	p := start(t, "-service", "demo")
	d := p.direct()
	if answer := d.ask("MONITOR/1 poll service=realserver"); !strings.HasSuffix(answer, ` reason="no such service"`) {
		t.Errorf("another service: %s", answer)
	}
	p.want("rs-1", "whoami")
	p.want("drain", "state", "drain", "rolling", "restart")
	p.want("30", "weight", "30")
	answer := d.ask("MONITOR/1 poll service=demo")
	for _, part := range []string{"MONITOR/1 drain service=demo ", " weight=30 ", " served=3 ", " failed=0 ", ` reason="rolling restart"`} {
		if !strings.Contains(answer, part) {
			t.Errorf("%s is not in %s", part, answer)
		}
	}
	p.want("up", "state", "up")
	if answer := d.ask("MONITOR/1 poll service=demo"); !strings.HasPrefix(answer, "MONITOR/1 up service=demo ") {
		t.Errorf("up again: %s", answer)
	}
}

// The answer's mac is worked out here as a director in another language would.
func TestASecretSignsTheAnswers(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	path := filepath.Join(t.TempDir(), "fleet.key")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, "-secret-file", path).direct()
	if answer := d.ask("MONITOR/1 poll service=realserver"); answer != `MONITOR/1 error reason="nonce wanted"` {
		t.Errorf("without a nonce: %s", answer)
	}
	request := "MONITOR/1 poll service=realserver nonce=00112233445566778899aabbccddeeff"
	answer := d.ask(request)
	covered, mac, _ := strings.Cut(answer, " mac=")
	h := hmac.New(sha256.New, []byte(secret))
	io.WriteString(h, request+"\n"+covered)
	if want := hex.EncodeToString(h.Sum(nil)); mac != want {
		t.Errorf("%s\nwanted the mac %s", answer, want)
	}
}

// The heartbeat's mac is worked out here as a director in another language would.
func TestHeartbeatsAreSent(t *testing.T) {
	director, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer director.Close()
	key := strings.Repeat("0a", 32)
	path := filepath.Join(t.TempDir(), "id.key")
	if err := os.WriteFile(path, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-heartbeat-to", director.LocalAddr().String(), "-heartbeat-id", "192.0.2.21:7000", "-heartbeat-key-file", path,
		"-heartbeat-every", "20ms", "-leave", "0")
	datagram := make([]byte, 2000)
	for _, state := range []string{"up", "drain"} {
		if err := director.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		line := ""
		for !strings.HasPrefix(line, "HEARTBEAT/1 "+state+" id=192.0.2.21:7000 service=realserver instance=") {
			n, _, err := director.ReadFrom(datagram)
			if err != nil {
				t.Fatalf("no heartbeat that says %s, at last %q: %v", state, line, err)
			}
			line = string(datagram[:n])
		}
		covered, mac, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " mac=")
		h := hmac.New(sha256.New, bytes.Repeat([]byte{0x0a}, 32))
		io.WriteString(h, covered)
		if want := hex.EncodeToString(h.Sum(nil)); mac != want {
			t.Errorf("%s\nwanted the mac %s", line, want)
		}
		p.want("drain", "state", "drain")
	}
}

func TestTermFinishesOpenWork(t *testing.T) {
	p := start(t, "-leave", "10s")
	d := p.direct()
	d.await("MONITOR/1 up ")
	type result struct {
		status int
		stdout string
	}
	working := make(chan result, 1)
	go func() {
		status, stdout, _ := p.client(nil, "work", "1s")
		working <- result{status, stdout}
	}()
	p.awaitStats(`"requests":1,`)
	idle, err := net.Dial("tcp", p.clients) // has nothing to wait for
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	d.await(" conns=2 ") // those of the stats have gone
	p.signal(syscall.SIGTERM)
	d.await("MONITOR/1 maint service=realserver ", `reason="the program is stopping"`)
	// The director has heard it, and that is what the monitor waited for.
	if rest, err := io.ReadAll(d.r); err != nil || len(rest) > 0 {
		t.Errorf("from the monitor: %q, error %v", rest, err)
	}
	if rest, err := io.ReadAll(idle); err != nil || len(rest) > 0 {
		t.Errorf("on the idle connection: %q, error %v", rest, err)
	}
	if r := <-working; r.status != 0 || r.stdout != "done\n" {
		t.Errorf("open work: %+v", r)
	}
	if status := p.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestTermGivesUpOnStuckWork(t *testing.T) {
	p := start(t, "-workers", "1", "-stuck-after", "200ms", "-leave", "0s", "-grace", "100ms")
	p.want("1 of 1 workers asked to stick", "stick")
	p.direct().await("stuck: worker-1")
	waiting := make(chan string, 1)
	go func() { _, _, stderr := p.client(nil, "whoami"); waiting <- stderr }()
	p.awaitStats(`"requests":1,`)
	p.signal(syscall.SIGTERM)
	if stderr := <-waiting; !strings.Contains(stderr, "failed: the server stopped") {
		t.Errorf("the waiting client hears %q", stderr)
	}
	if status := p.wait(); status != 1 {
		t.Errorf("exit status %d", status)
	}
	if want := "realserver: gave up on open requests after 100ms: 1"; !strings.Contains(p.stderr.String(), want) {
		t.Errorf("stderr %q", &p.stderr)
	}
}

func TestServerFlagsThatAreWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-workers", "0"}, 1, "realserver: -workers is 0 (at least 1 wanted)\n"},
		{[]string{"-service", ""}, 1, "realserver: monitor: Options.Services has \"\" (1..128 bytes of printable ASCII wanted)\n"},
		{[]string{"-secret-file", "/no/such/file"}, 1, "realserver: read secret: open /no/such/file: no such file or directory\n"},
		{[]string{"-listen", taken.Addr().String()}, 1, "realserver: listen for clients: listen tcp " + taken.Addr().String() + ": bind: address already in use\n"},
		{[]string{"-listen", "127.0.0.1:0", "-monitor", taken.Addr().String()}, 1, "realserver: listen for directors: listen tcp " + taken.Addr().String() + ": bind: address already in use\n"},
		{[]string{"-heartbeat-to", "127.0.0.1:9652"}, 1, "realserver: -heartbeat-to needs -heartbeat-id: the name under which directors know this server\n"},
		{[]string{"whoami"}, 2, "realserver: \"whoami\" is not a flag; to send a request, -call ADDRESS comes before it\n"},
	} {
		var stderr strings.Builder
		if status := run(c.args, nil, io.Discard, &stderr); status != c.status || stderr.String() != c.want {
			t.Errorf("%v: status %d, stderr %q; wanted %d, %q", c.args, status, &stderr, c.status, c.want)
		}
	}
}
