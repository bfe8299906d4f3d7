package language

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/conformance"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// patience is how long a test waits for a thing before it gives up.
const patience = 30 * time.Second

// secret is what the tests sign with.
const secret = "correct horse battery staple"

// id is the sender of heartbeats.
const id = "192.0.2.21:7000"

// server is a running server.
type server struct {
	t                 *testing.T
	cmd               *exec.Cmd
	stdin             io.WriteCloser
	stderr            strings.Builder // to be read after wait
	ended             bool
	clients, director string // its two addresses
}

// start runs a server on free ports of the loopback and waits until it listens.
func start(t *testing.T, command []string, flags ...string) *server {
	t.Helper()
	s := &server{t: t}
	args := append(append([]string{}, command[1:]...), "--listen", "127.0.0.1:0", "--monitor", "127.0.0.1:0", "--service", "tally")
	s.cmd = exec.Command(command[0], append(args, flags...)...)
	s.cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	s.cmd.Stderr = &s.stderr
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !s.ended {
			s.stop()
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", &s.stderr)
		}
	})
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("the server ended: %v", err)
	}
	if _, err := fmt.Sscanf(line, "listening address=%s monitor=%s\n", &s.clients, &s.director); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s
}

// stop asks the server to end, and fails where it does not end well: a sanitizer would tell by the exit status.
func (s *server) stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.wait()
}

// wait waits for the end of a server that was told to end. It is told once: at the very end
// Python takes a further signal as if it had never caught any.
func (s *server) wait() {
	s.t.Helper()
	s.ended = true
	giveUp := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer giveUp.Stop()
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the server's end: %v", err)
	}
}

// connection speaks lines.
type connection struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, address string) *connection {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &connection{t, c, bufio.NewReader(c)}
}

func (c *connection) read() string {
	c.t.Helper()
	line, err := c.lines.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (c *connection) ask(line string) string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c, line); err != nil {
		c.t.Fatal(err)
	}
	return c.read()
}

// testConformance tries the server against the specification: as it is, with a secret, and with heartbeats.
func testConformance(t *testing.T, command []string) {
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// They wait more than they work, so all run at once.
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range []struct {
		name   string
		secret bool
		beats  bool
	}{{"without a secret", false, false}, {"with a secret", true, false}, {"with heartbeats", false, true}} {
		all.Go(func() {
			t.Run(c.name, func(t *testing.T) {
				o := conformance.Options{Service: "tally"}
				var flags []string
				if c.secret {
					o.Secret = []byte(secret)
					flags = append(flags, "--secret-file", secretFile)
				}
				if c.beats {
					o.Heartbeats, o.HeartbeatID, o.HeartbeatKey = hear(t), id, wire.DeriveKey([]byte(secret), id)
					flags = append(flags, heartbeatFlags(t, o.Heartbeats)...)
				}
				s := start(t, command, flags...)
				o.Address = s.director
				tried := 0
				if err := conformance.Run(context.Background(), o, func(r conformance.Result) {
					tried++
					if r.Verdict != conformance.OK {
						t.Errorf("%s %s: %s", r.Clause, r.Title, r.Why)
					}
				}); err != nil {
					t.Error(err)
				}
				if tried < 40 {
					t.Errorf("only %d things were tried", tried)
				}
				s.stop()
			})
		})
	}
}

// hear opens a socket for heartbeats.
func hear(t *testing.T) net.PacketConn {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}

func heartbeatFlags(t *testing.T, to net.PacketConn) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(wire.FormatKey(wire.DeriveKey([]byte(secret), id))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The first director is not there, which must not keep the second from hearing.
	return []string{
		"--heartbeat-to", "127.0.0.1:9", "--heartbeat-to", to.LocalAddr().String(),
		"--heartbeat-id", id, "--heartbeat-key-file", file, "--interval", "200ms",
	}
}

// awaitHeartbeat reads heartbeats until one has the state.
func awaitHeartbeat(t *testing.T, socket net.PacketConn, state wire.State) {
	t.Helper()
	if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, wire.MaxDatagram+1)
	for {
		n, _, err := socket.ReadFrom(buf)
		if err != nil {
			t.Fatalf("wanted a heartbeat that says %s: %v", state, err)
		}
		line, err := wire.CutHeartbeat(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		h, err := wire.ParseHeartbeat(line)
		if err != nil {
			t.Fatal(err)
		}
		if err := wire.VerifyHeartbeat(line, wire.DeriveKey([]byte(secret), id)); err != nil {
			t.Fatal(err)
		}
		if h.State == state {
			return
		}
	}
}

// testDriven changes what the server says, by its clients' protocol and by stdin, and sees it in polls, in a watch whose
// interval is so long that only changes are told, and in heartbeats.
func testDriven(t *testing.T, command []string) {
	beats := hear(t)
	s := start(t, command, append(heartbeatFlags(t, beats), "--stuck-after", "300ms")...)
	client, poll, watch := dial(t, s.clients), dial(t, s.director), dial(t, s.director)
	first := watch.ask("MONITOR/1 watch service=tally interval=3600s")
	if !strings.HasPrefix(first, "MONITOR/1 up service=tally ") {
		t.Fatalf("the first answer is %s", first)
	}
	if got := client.ask("add apples 2"); got != "tally apples 2" {
		t.Errorf("the server counts %s", got)
	}
	if got := client.ask("add apples"); got != "tally apples 3" {
		t.Errorf("the server counts %s", got)
	}
	for _, step := range []struct {
		order, state, part string
		byStdin            bool
	}{
		{order: "state drain rolling restart", state: "drain", part: `reason="rolling restart"`},
		{order: "state up", state: "up"},
		{order: "weight 50", state: "up", part: " weight=50 "},
		{order: "stick", state: "down", part: `reason="stuck: worker no progress for `},
		{order: "unstick", state: "up"},
		{order: "state maint by hand", state: "maint", part: `reason="by hand"`, byStdin: true},
		{order: "state starting", state: "starting", byStdin: true},
		{order: "state down it says \"no\" \\ caf\u00e9", state: "down", part: `reason="it says \"no\" \\ caf?`},
		{order: "state up", state: "up"},
	} {
		if step.byStdin {
			if _, err := fmt.Fprintln(s.stdin, step.order); err != nil {
				t.Fatal(err)
			}
		} else if got := client.ask(step.order); got != "ok" {
			t.Fatalf("%s: the server answers %s", step.order, got)
		}
		for where, line := range map[string]string{"watch": watch.read(), "poll": poll.ask("MONITOR/1 poll service=tally")} {
			if a, err := wire.ParseAnswer([]byte(line)); err != nil || string(a.State) != step.state || !strings.Contains(line, step.part) {
				t.Errorf("%s: the %s says %s, error %v; wanted %s %s", step.order, where, line, err, step.state, step.part)
			}
		}
		awaitHeartbeat(t, beats, wire.State(step.state))
	}
	if got := client.ask("sing"); !strings.HasPrefix(got, "error: ") {
		t.Errorf("a wrong order is answered with %s", got)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := watch.read(); !strings.HasPrefix(got, "MONITOR/1 maint ") {
		t.Errorf("the server ends, and the watch says %s", got)
	}
	poll.ask("MONITOR/1 poll service=tally")
	awaitHeartbeat(t, beats, wire.Maint)
	if rest, err := io.ReadAll(watch.lines); len(rest) > 0 || (err != nil && !errors.Is(err, syscall.ECONNRESET)) {
		t.Errorf("behind the last answer came %q, error %v", rest, err)
	}
	s.wait()
}

// testWrongFlags starts the server with what can't be, and wants a sentence and a failure.
func testWrongFlags(t *testing.T, command []string) {
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte(secret), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--service", ""}, "service"},
		{[]string{"--secret-file", "/no/such/file"}, "/no/such/file"},
		{[]string{"--secret-file", open}, "its mode"},
		{[]string{"--monitor", "nowhere"}, "address:port"},
		{[]string{"--interval", "5ms"}, "--interval"},
		{[]string{"--sing", "loud"}, "--sing"},
	} {
		args := append(append([]string{}, command[1:]...), "--listen", "127.0.0.1:0", "--monitor", "127.0.0.1:0")
		cmd := exec.Command(command[0], append(args, c.flags...)...)
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: error %v, stderr %q; wanted %q in it", c.flags, err, &stderr, c.want)
		}
	}
}
