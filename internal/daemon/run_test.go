package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal is what a daemon logs; a test waits for what should come.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.more)
	j.more = make(chan struct{})
	return j.text.Write(p)
}

func (j *journal) waitFor(t *testing.T, what string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		j.mu.Lock()
		text, more := j.text.String(), j.more
		j.mu.Unlock()
		if strings.Contains(text, what) {
			return
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("%q was not logged within 30 s:\n%s", what, text)
		}
	}
}

// running is a daemon in this process that observes: it needs no privilege but to
// read the kernel's table, and no kernel with IPVS.
type running struct {
	*journal
	dir    string
	client *control.Client
	stop   func() error
}

// observeFile runs a daemon with a file, in which DIR stands for a folder of its own.
func observeFile(t *testing.T, text string) *running {
	t.Helper()
	r := &running{journal: &journal{more: make(chan struct{})}, dir: t.TempDir()}
	r.write(t, text)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{
			ConfigFile: r.file("mainstay.yaml"), Observe: true, Version: "test",
			Logger: slog.New(slog.NewTextHandler(r.journal, nil)),
		})
	}()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = r.stop() })
	r.client = control.NewClient(r.file("control.sock"))
	r.waitFor(t, "msg=\"ready")
	return r
}

func (r *running) file(name string) string { return filepath.Join(r.dir, name) }

func (r *running) write(t *testing.T, text string) {
	t.Helper()
	text = "director: {name: lb-a, control_socket: DIR/control.sock, state_dir: DIR/state}\n" + text
	if err := os.WriteFile(r.file("mainstay.yaml"), []byte(strings.ReplaceAll(text, "DIR", r.dir)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// loopback is a file with one service, whose servers are checked at addresses of this
// host.
func loopback(checked ...string) string {
	text := `
virtual_services:
  - name: web
    address: 192.0.2.100:80/tcp
    forward: nat
    real_servers:
`
	for i, address := range checked {
		_, port, _ := strings.Cut(address, ":")
		text += fmt.Sprintf("      - address: 192.0.2.2%d:80\n        checks: [{tcp: {address: 127.0.0.1, port: %s}, interval: 20ms, timeout: 20ms}]\n", i+1, port)
	}
	return text
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestADaemonFromStartToStop(t *testing.T) {
	one, two := listen(t), listen(t)
	r := observeFile(t, loopback(one.Addr().String(), two.Addr().String()))
	r.waitFor(t, "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 1")
	r.waitFor(t, "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.22:80 -m -w 1")

	// What on this host does not fit the file is said at the start.
	r.waitFor(t, "the virtual address 192.0.2.100 of web is not on this host")

	// A server that fails leaves.
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, "ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.22:80")

	// An operator's order is carried out.
	if err := r.client.Override(t.Context(), "web", "192.0.2.21", control.Override{Weight: "7"}); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 7")

	status, err := r.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	servers := status.VirtualServices[0].RealServers
	if servers[0].State != "up" || servers[0].Override != "weight 7" || servers[1].State != "down" || !strings.Contains(servers[1].Why, "connection refused") {
		t.Errorf("status %+v", servers)
	}
	explained, err := r.client.Explain(t.Context(), "web", "192.0.2.22:80")
	if err != nil || len(explained.Changes) != 3 || explained.Changes[2].To != "down, not in the table" {
		t.Errorf("explanation %+v, error %v", explained, err)
	}

	// A wrong file changes nothing, and status says so until a right one comes.
	r.write(t, strings.Replace(loopback(one.Addr().String()), "forward", "froward", 1))
	_, err = r.client.Reload(t.Context())
	if wrong := new(control.Refused); !errors.As(err, &wrong) || !strings.Contains(wrong.Lines[0], "froward: unknown key") {
		t.Errorf("reload of a wrong file: %v", err)
	}
	if status, err = r.client.Status(t.Context()); err != nil || !strings.Contains(status.Director.ConfigError, "froward") {
		t.Errorf("status %+v, error %v", status.Director, err)
	}
	r.write(t, loopback(one.Addr().String())+"    scheduler: wrr\n")
	if _, err = r.client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, "ipvsadm -E -t 192.0.2.100:80 -s wrr")
	if status, err = r.client.Status(t.Context()); err != nil || status.Director.ConfigError != "" || len(status.VirtualServices[0].RealServers) != 1 {
		t.Errorf("status %+v, error %v", status, err)
	}

	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.file("state")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it observed, and wrote state: %v", err)
	}
	if _, err := r.client.Status(t.Context()); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("after the stop: %v", err)
	}
}

// Many things at once: orders, questions and reloads from several sides, beside checks.
func TestOrdersFromManySidesAtOnce(t *testing.T) {
	one := listen(t)
	r := observeFile(t, loopback(one.Addr().String(), one.Addr().String()))
	var sides sync.WaitGroup
	for side := range 4 {
		sides.Go(func() {
			for i := range 10 {
				order := control.Override{State: []string{"drain", "enable"}[i%2]}
				err := r.client.Override(t.Context(), "web", fmt.Sprintf("192.0.2.2%d", 1+side%2), order)
				_, statusErr := r.client.Status(t.Context())
				_, reloadErr := r.client.Reload(t.Context())
				_, planErr := r.client.Plan(t.Context(), r.file("mainstay.yaml"))
				if err = errors.Join(err, statusErr, reloadErr, planErr); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sides.Wait()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// A kernel without IPVS: one clear sentence, where the table is needed.
func TestAKernelWithoutIPVS(t *testing.T) {
	if conn, err := kernel.Open(); err == nil {
		_ = conn.Close()
		t.Log("this kernel has IPVS: the case can't arise here")
		return
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "mainstay.yaml")
	run := func(ctx context.Context, text string, log *journal) error {
		text = strings.ReplaceAll("director: {control_socket: DIR/control.sock, state_dir: DIR/state}\n"+text, "DIR", dir)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Run(ctx, Options{ConfigFile: file, Logger: slog.New(slog.NewTextHandler(log, nil))})
	}
	log := &journal{more: make(chan struct{})}
	if err := run(t.Context(), loopback("127.0.0.1:1"), log); err == nil || err.Error() != "this kernel has no IPVS: modprobe ip_vs" {
		t.Errorf("with services: %v", err)
	}
	// Without virtual services it is not needed.
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- run(ctx, "", log) }()
	log.waitFor(t, "msg=\"ready")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll("director: {control_socket: DIR/control.sock, state_dir: DIR/state}\n"+loopback("127.0.0.1:1"), "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := control.NewClient(filepath.Join(dir, "control.sock")).Reload(ctx)
	if err == nil || !strings.Contains(err.Error(), "this kernel has no IPVS: modprobe ip_vs, then restart mainstay") {
		t.Errorf("a reload that needs it: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// brokenListener is a control socket that fails.
type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("no such luck") }
func (brokenListener) Close() error              { return nil }
func (brokenListener) Addr() net.Addr            { return &net.UnixAddr{} }

// on_stop: clear is for a stop that somebody asked for. A part of the daemon that fails
// is no reason to take services away.
func TestOnlyAStopThatWasAskedForClears(t *testing.T) {
	const found = "-A -t 192.0.2.100:80 -s wlc\n-a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 1\n"
	for _, c := range []struct {
		name  string
		asked bool
		want  string
	}{{"asked for", true, ""}, {"a part failed", false, found}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := web(t, "192.0.2.21")
			file.Director.OnStop = config.Clear
			file.Director.StateDir, file.Director.ControlSocket = dir, filepath.Join(dir, "control.sock")
			d := &daemon{Options: Options{Observe: true}, log: slog.New(slog.DiscardHandler), saving: make(turn, 1)}
			if err := d.open(file); err != nil {
				t.Fatal(err)
			}
			kernel := &observed{table: parseTable(t, found)}
			d.table, d.rec.table = kernel, kernel

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var listener net.Listener = brokenListener{}
			if c.asked {
				var err error
				if listener, err = control.Listen(file.Director.ControlSocket); err != nil {
					t.Fatal(err)
				}
				cancel()
			}
			if err := d.run(ctx, listener, nil); (err == nil) != c.asked {
				t.Errorf("it ended with %v", err)
			}
			snapshot, err := kernel.Read()
			if got := snapshot.Table.String(); err != nil || got != c.want {
				t.Errorf("the kernel holds\n%s, error %v", got, err)
			}
		})
	}
}
