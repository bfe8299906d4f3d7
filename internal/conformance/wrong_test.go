package conformance

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each program of testdata/wrong breaks one thing, and what is said of it names the clauses that it breaks.
func TestWrongOnes(t *testing.T) {
	wrong := map[string]struct {
		how   int
		fails string
	}{
		"answers-nothing":               {open, "2.2"},
		"answers-no-newline":            {open, "2.1"},
		"seq-negative":                  {open, "1.9"},
		"weight-over-100":               {open, "2.8"},
		"carriage-return-kept":          {signed, "1.1"},
		"no-line-limit":                 {open, "1.2"},
		"any-bytes":                     {open, "1.3"},
		"spaces-galore":                 {open, "1.4"},
		"escapes-unread":                {open, "1.6"},
		"unknown-keys-refused":          {open, "1.2 1.7"}, // only unknown keys make a line long
		"keys-twice":                    {open, "1.8"},
		"names-without-end":             {open, "1.10"},
		"any-version":                   {open, "1.11 2.10"},
		"any-interval":                  {open, "1.12"},
		"service-cut-off":               {open, "2.3"},
		"instance-of-each-connection":   {open, "2.4"},
		"seq-stands-still":              {open, "2.5"},
		"seq-of-each-connection":        {open, "2.5"},
		"ghosts-are-up":                 {open, "2.7"},
		"errors-without-reason":         {open, "2.10"},
		"any-method":                    {open, "2.10"},
		"state-without-nonce":           {signed, "4.3"},
		"answers-unsigned":              {signed, "4.4"},
		"mac-of-answer-alone":           {signed, "4.5"},
		"mac-of-request-printed-anew":   {signed, "4.6"},
		"mac-in-upper-case":             {signed, "4.7"},
		"watch-unknown":                 {open, "3.2"},
		"watch-answered-once":           {open, "3.3"},
		"watch-too-slow":                {open, "3.3"},
		"watch-never-replaced":          {open, "3.6"},
		"watch-outlives-poll":           {open, "3.6"},
		"nonce-never-renewed":           {signed, "3.7"},
		"watch-outlives-its-director":   {open, "3.9"},
		"agent-line-with-secret":        {signed, "5.2"},
		"agent-line-after-monitor":      {open, "5.3"},
		"agent-line-in-other-words":     {open, "5.4"},
		"closes-when-idle":              {open, "6.1"},
		"oldest-goes-first":             {open, "6.3"},
		"full-is-full":                  {open, "6.4"},
		"half-closed-unanswered":        {open, "6.6"},
		"one-blocks-all":                {open, "6.7"},
		"heartbeat-without-end":         {beating, "7.1"},
		"heartbeat-of-another-instance": {beating, "7.3"},
		"heartbeat-seq-by-two":          {beating, "7.4"},
		"heartbeat-seq-stands-still":    {beating, "7.4"},
		"heartbeat-once":                {beating, "7.5"},
		"heartbeat-with-age":            {beating, "7.8"},
		"heartbeat-key-is-digits":       {beating, "7.14"},
	}
	files, err := filepath.Glob("testdata/wrong/*.py")
	if err != nil {
		t.Fatal(err)
	}
	// They wait more than they work, so more of them run at once than there are processors.
	var all sync.WaitGroup
	defer all.Wait()
	room := make(chan struct{}, 12)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".py")
		want, listed := wrong[name]
		if !listed {
			t.Errorf("%s is not in the table", file)
		}
		delete(wrong, name)
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			t.Run(name, func(t *testing.T) { tryWrong(t, file, want.how, strings.Fields(want.fails)) })
		})
	}
	for name := range wrong {
		t.Errorf("there is no testdata/wrong/%s.py", name)
	}
}

// How a wrong one runs.
const (
	open = iota // without a secret
	signed
	beating
)

// tryWrong runs a wrong one and expects the clauses that fail.
func tryWrong(t *testing.T, file string, how int, want []string) {
	o := Options{Service: "tally"}
	var flags []string
	switch how {
	case signed:
		o.Secret = []byte("correct horse battery staple")
		flags = append(flags, "--secret")
	case beating:
		o.Heartbeats, o.HeartbeatID, o.HeartbeatKey = ear4(t), "rs-1", make([]byte, 32)
		for i := range o.HeartbeatKey {
			o.HeartbeatKey[i] = byte(i)
		}
		flags = append(flags, "--heartbeat-to", o.Heartbeats.LocalAddr().String())
	}
	o.Address = start(t, file, flags...)
	if diff := cmp.Diff(want, fails(t, o)); diff != "" {
		t.Errorf("clauses (-want +got)\n%s", diff)
	}
}

// ear4 is a socket of the loopback for heartbeats.
func ear4(t *testing.T) net.PacketConn {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}

// start runs a wrong one and returns its monitor's address.
func start(t *testing.T, file string, flags ...string) string {
	t.Helper()
	cmd := exec.Command("python3", append([]string{file}, flags...)...)
	cmd.Env = append(os.Environ(), "PYTHONPATH=testdata", "PYTHONDONTWRITEBYTECODE=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("the program said:\n%s", &stderr)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the program ended: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return strings.TrimSpace(line)
}

// fails lists the clauses that failed, each once, in their order; all results are logged.
func fails(t *testing.T, o Options) []string {
	t.Helper()
	var failed []string
	if err := Run(context.Background(), o, func(r Result) {
		if r.Verdict == Failed && !slices.Contains(failed, r.Clause) {
			failed = append(failed, r.Clause)
		}
		if r.Verdict != OK {
			t.Logf("%v %s %s: %s", r.Verdict, r.Clause, r.Title, r.Why)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return failed
}
