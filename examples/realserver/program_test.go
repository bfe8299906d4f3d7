package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test binary be realserver itself: signals need a process of their own.
const asProgram = "REALSERVER_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for a thing before it gives up.
const patience = 30 * time.Second

// program is a running realserver.
type program struct {
	t                 *testing.T
	cmd               *exec.Cmd
	stderr            bytes.Buffer // to be read after wait
	ended             bool
	clients, director string // its two addresses
}

// start runs a server on free ports of the loopback and waits until it listens.
func start(t *testing.T, flags ...string) *program {
	t.Helper()
	p := &program{t: t}
	p.cmd = exec.Command(os.Args[0], append([]string{"-listen", "127.0.0.1:0", "-monitor", "127.0.0.1:0", "-name", "rs-1"}, flags...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.ended {
			p.cmd.Process.Kill()
			p.wait()
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", &p.stderr)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server ended: %v", err)
	}
	if _, err := fmt.Sscanf(line, "listening address=%s monitor=%s\n", &p.clients, &p.director); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return p
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the exit status, -1 where a signal ended it.
func (p *program) wait() int {
	p.ended = true
	_ = p.cmd.Wait() // the status says it
	return p.cmd.ProcessState.ExitCode()
}

// client runs realserver -call in this process.
func (p *program) client(stdin io.Reader, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(append([]string{"-call", p.clients, "-timeout", patience.String()}, args...), stdin, &out, &errs)
	return status, out.String(), errs.String()
}

// want runs one request and expects its answer.
func (p *program) want(answer string, args ...string) {
	p.t.Helper()
	if status, stdout, stderr := p.client(nil, args...); status != 0 || stdout != answer+"\n" {
		p.t.Fatalf("%v: status %d, stdout %q, stderr %q; wanted %q", args, status, stdout, stderr, answer)
	}
}

// awaitStats asks for the stats until they have part in them.
func (p *program) awaitStats(part string) {
	p.t.Helper()
	began, last := time.Now(), ""
	for time.Since(began) < patience {
		if _, last, _ = p.client(nil, "stats"); strings.Contains(last, part) {
			return
		}
	}
	p.t.Fatalf("after %s still %s, wanted %q", patience, last, part)
}

// director polls a monitor over one connection.
type director struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (p *program) direct() *director {
	p.t.Helper()
	c, err := net.Dial("tcp", p.director)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return &director{p.t, c, bufio.NewReader(c)}
}

// ask sends a line and returns the one that comes.
func (d *director) ask(request string) string {
	d.t.Helper()
	fmt.Fprintln(d, request)
	line, err := d.r.ReadString('\n')
	if err != nil {
		d.t.Fatalf("the monitor's answer: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

// await polls until the answer has each of the parts, and returns it.
func (d *director) await(parts ...string) string {
	d.t.Helper()
	began, last := time.Now(), ""
	for time.Since(began) < patience {
		last = d.ask("MONITOR/1 poll service=realserver")
		missing := false
		for _, part := range parts {
			missing = missing || !strings.Contains(last, part)
		}
		if !missing {
			return last
		}
	}
	d.t.Fatalf("after %s still %s, wanted %q", patience, last, parts)
	return ""
}
