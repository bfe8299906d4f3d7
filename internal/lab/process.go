package lab

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Patience bounds each wait for a thing that should happen. It is generous, since
// it only matters where a test fails, and longer than the 30 s for which a router does not
// preempt after an unclean start.
const Patience = time.Minute

// Process is a program running in a host.
type Process struct {
	host  *Host
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	see   func(line string) // nil: nobody follows

	mu     sync.Mutex
	output strings.Builder
	more   chan struct{} // closed and replaced when output grows or ends
	ended  chan struct{} // closed when the process is gone and its output read
	err    error         // how it ended
}

// Start starts a program in the host. It is killed when the test ends, and its
// output logged if it did not end well.
func (h *Host) Start(name string, args ...string) *Process {
	h.lab.t.Helper()
	return h.StartCommand(h.Command(name, args...))
}

// StartCommand starts a command of [Host.Command] that was prepared further.
func (h *Host) StartCommand(cmd *exec.Cmd) *Process {
	h.lab.t.Helper()
	return h.start(cmd, nil)
}

// Follow is like [Host.Start], and see is called with each line of output, without its
// end, from a goroutine that ends with the process.
func (h *Host) Follow(see func(line string), name string, args ...string) *Process {
	h.lab.t.Helper()
	return h.start(h.Command(name, args...), see)
}

func (h *Host) start(cmd *exec.Cmd, see func(line string)) *Process {
	h.lab.t.Helper()
	p := &Process{
		host: h, name: strings.Join(cmd.Args[4:], " "), cmd: cmd, see: see,
		more: make(chan struct{}), ended: make(chan struct{}),
	}
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		h.lab.t.Fatalf("%s: %s: %v", h.Name, p.name, err)
	}
	// The whole tree ends with the test.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		h.lab.t.Fatalf("%s: start %s: %v", h.Name, p.name, err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(out)
	}()
	go func() {
		err := cmd.Wait()
		_ = in.Close()
		<-read
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(p.ended)
	}()
	h.lab.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	})
	return p
}

// read gathers output line by line.
func (p *Process) read(out io.Reader) {
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		p.mu.Lock()
		p.output.WriteString(line)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if p.see != nil && line != "" {
			p.see(strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return
		}
	}
}

// PID is the process's number, which signals go to.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process.
func (p *Process) Signal(s syscall.Signal) {
	p.host.lab.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.host.lab.t.Fatalf("%s: signal %s to %s: %v", p.host.Name, s, p.name, err)
	}
}

// Kill ends the process at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() {
	p.host.lab.t.Helper()
	p.Signal(syscall.SIGKILL)
	<-p.ended
}

// Stop asks the process to end, and fails the test if it does not, or not with 0.
func (p *Process) Stop() {
	p.host.lab.t.Helper()
	p.Signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil {
		p.host.lab.t.Fatalf("%s: %s: %v\n%s", p.host.Name, p.name, err, p.Output())
	}
}

// Wait waits until the process ends and returns how.
func (p *Process) Wait() error {
	p.host.lab.t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(Patience):
		p.host.lab.t.Fatalf("%s: %s did not end within %s; its output:\n%s", p.host.Name, p.name, Patience, p.Output())
		return nil
	}
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Output is all that the process printed so far, both streams in one.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// Send writes a line to the process's standard input.
func (p *Process) Send(line string) {
	p.host.lab.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		p.host.lab.t.Fatalf("%s: %s: write %q: %v", p.host.Name, p.name, line, err)
	}
}

// CloseInput ends the process's standard input.
func (p *Process) CloseInput() { _ = p.stdin.Close() }

// WaitFor waits until the output, from the mark on, matches, and returns the match
// and its groups. See [Process.Mark].
func (p *Process) WaitFor(from int, pattern string) []string {
	p.host.lab.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(Patience)
	for {
		p.mu.Lock()
		text, more := p.output.String()[from:], p.more
		p.mu.Unlock()
		if m := re.FindStringSubmatch(text); m != nil {
			return m
		}
		select {
		case <-more:
		case <-p.ended:
			if m := re.FindStringSubmatch(p.Output()[from:]); m != nil {
				return m
			}
			p.host.lab.t.Fatalf("%s: %s ended (%v) without printing %s; its output:\n%s", p.host.Name, p.name, p.err, pattern, p.Output())
		case <-deadline:
			p.host.lab.t.Fatalf("%s: %s did not print %s within %s; its output:\n%s", p.host.Name, p.name, pattern, Patience, p.Output())
		}
	}
}

// Mark is a place in the output: its end now.
func (p *Process) Mark() int { return len(p.Output()) }

// Eventually asks again and again until the answer is yes, and fails the test with
// the last state if that takes longer than [Patience]. It is for things that
// announce themselves nowhere, such as the kernel's table.
func Eventually(t T, what string, ask func() (done bool, state string)) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		done, state := ask()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s; at last:\n%s", what, Patience, state)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
