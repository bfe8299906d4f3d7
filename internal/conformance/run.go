package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// Options are what Run needs to know of the program.
type Options struct {
	// Address is the monitor's address:port.
	Address string
	// Service is a service that the program has.
	Service string
	// Secret is the program's secret; nil: it has none.
	Secret []byte
	// Target is what requests give as their target; "": Address.
	Target string
	// Heartbeats is where the program sends its heartbeats, a socket that the caller opens and closes; nil: it sends none.
	Heartbeats net.PacketConn
	// HeartbeatID is the id under which it sends them.
	HeartbeatID string
	// HeartbeatKey is the key of that id, 32 bytes; nil: the heartbeats are not signed.
	HeartbeatKey []byte
	// Timeout is how long an answer may take that is due at once; 0: 2 seconds.
	Timeout time.Duration
	// Long tries as well what takes a minute or more.
	Long bool
	// PollOnly leaves out what only a program that can be watched does.
	PollOnly bool
}

// Verdict is what came of one thing that was tried.
type Verdict int

// The verdicts.
const (
	// OK says that the program does as the clause says.
	OK Verdict = iota
	// Failed says that it doesn't do what it must.
	Failed
	// Advised says that it doesn't do what it should.
	Advised
	// Skipped says that it was not tried, because something failed on which it rests.
	Skipped
)

// Result is one thing that was tried.
type Result struct {
	// Clause is the clause of the specification, such as 2.3.
	Clause string
	// Title is a sentence that says what must be.
	Title string
	// Verdict is what came of it.
	Verdict Verdict
	// Why says what was sent, what was read and what was wanted, or why it was not tried; empty where Verdict is OK.
	Why string
}

// Run tries the program and reports each result as it comes. The error says why nothing could be tried, or is that of
// ctx. Run takes about 20 seconds, with Options.Long some minutes, and somewhat longer where much is wrong; it connects
// to no other address.
func Run(ctx context.Context, o Options, report func(Result)) error {
	t, err := newTrial(ctx, o)
	if err != nil {
		return err
	}
	first, err := t.dial()
	if err != nil {
		return err
	}
	first.Close()

	ear := listen(o)
	defer ear.stop()
	t.ear = ear
	failed := make(map[string]bool)
	for _, c := range checks {
		if !c.when(o) || o.PollOnly && c.watches() {
			continue
		}
		r := t.try(c, failed)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("try %s: %w", o.Address, err)
		}
		if r.Verdict == Failed || r.Verdict == Skipped {
			failed[c.clause] = true
		}
		report(r)
	}
	return nil
}

// Clauses are the clauses that Run tries, each once, in their order; also those that it only judges by the way.
func Clauses() []string {
	var all []string
	seen := make(map[string]bool)
	add := func(clause string) {
		if !seen[clause] {
			seen[clause] = true
			all = append(all, clause)
		}
	}
	for _, c := range checks {
		add(c.clause)
	}
	for _, j := range judged {
		add(j)
	}
	return all
}

// check is one thing that is tried.
type check struct {
	clause, title string
	should        bool               // the clause says should, not must
	when          func(Options) bool // whether it is tried at all
	needs         []string           // clauses without which it can't be judged
	try           func(*trial) error
}

// checks are all of them, in the order in which they are tried. What can't speak at all fails alone: everything needs
// the first two.
var checks = concat(basicChecks, lineChecks, pollChecks, secretChecks, watchChecks, agentChecks, connectionChecks, heartbeatChecks)

func concat(lists ...[]check) []check {
	var all []check
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// watches tells whether it is about watches, or can't be judged without one.
func (c check) watches() bool {
	is := func(clause string) bool { return strings.HasPrefix(clause, "3.") }
	return is(c.clause) || slices.ContainsFunc(c.needs, is)
}

func always(Options) bool          { return true }
func withSecret(o Options) bool    { return o.Secret != nil }
func withoutSecret(o Options) bool { return o.Secret == nil }
func long(o Options) bool          { return o.Long }
func withHeartbeats(o Options) bool {
	return o.Heartbeats != nil
}

func withHeartbeatKey(o Options) bool { return o.Heartbeats != nil && o.HeartbeatKey != nil }

// try does one check.
func (t *trial) try(c check, failed map[string]bool) Result {
	r := Result{Clause: c.clause, Title: c.title}
	needs := c.needs
	if c.clause != "2.2" {
		needs = append([]string{"2.2", "2.1"}, needs...)
	}
	for _, clause := range needs {
		if failed[clause] && clause != c.clause {
			r.Verdict, r.Why = Skipped, clause+" failed"
			return r
		}
	}
	err := c.try(t)
	t.hangUp()
	if err == nil {
		return r
	}
	r.Verdict, r.Why = Failed, err.Error()
	if c.should {
		r.Verdict = Advised
	}
	if f, ok := errors.AsType[*failure](err); ok && f.clause != "" {
		r.Clause, r.Title, r.Verdict = f.clause, f.title, Failed
		failed[c.clause] = true
	}
	return r
}

// trial is a Run.
type trial struct {
	Options
	ctx   context.Context
	peers []*peer // to be closed when the check is over
	ear   *ear
}

func newTrial(ctx context.Context, o Options) (*trial, error) {
	if o.Target == "" {
		o.Target = o.Address
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	if !wire.ValidName(o.Service) {
		return nil, fmt.Errorf("the service %q is not 1..%d bytes of printable ASCII", o.Service, wire.MaxName)
	}
	if !wire.ValidName(o.Target) {
		return nil, fmt.Errorf("the target %q is not 1..%d bytes of printable ASCII", o.Target, wire.MaxName)
	}
	return &trial{Options: o, ctx: ctx}, nil
}

// nonce is a new one.
func (t *trial) nonce() string {
	nonce, err := wire.NewNonce(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return nonce
}

// poll is the line of a request for a service that a program with this secret has to answer.
func (t *trial) poll(service string) string { return t.request(wire.Poll, service, 0) }

// watch is that of a watch.
func (t *trial) watch(service string, interval time.Duration) string {
	return t.request(wire.Watch, service, interval)
}

func (t *trial) request(method wire.Method, service string, interval time.Duration) string {
	r := wire.Request{Method: method, Target: t.Target, Service: service, Interval: interval}
	if t.Secret != nil {
		r.Nonce = t.nonce()
	}
	return r.String()
}

// tail is what a request written by hand needs at its end: the nonce, where there is a secret.
func (t *trial) tail() string {
	if t.Secret == nil {
		return ""
	}
	return " nonce=" + t.nonce()
}

// ghost is a service that no program has, whatever its services are.
func (t *trial) ghost(name string) string { return "no-such-" + name + "-" + t.nonce()[:8] }

// failure is a check that failed.
type failure struct {
	clause, title string // of another clause than the check's; "": its own
	text          string
}

func (f *failure) Error() string { return f.text }

// failf is a failure of the check's own clause.
func failf(format string, args ...any) error { return &failure{text: fmt.Sprintf(format, args...)} }

// show makes what was sent or read fit for a terminal, and short.
func show[T ~string | ~[]byte](s T) string {
	const most = 200
	if len(s) > most {
		return fmt.Sprintf("%q… (%d bytes)", string(s[:most]), len(s))
	}
	text := string(s)
	if strings.Trim(text, printable) == "" && text != "" {
		return text
	}
	return fmt.Sprintf("%q", text)
}

var printable = func() string {
	var all strings.Builder
	for c := byte(0x20); c <= 0x7e; c++ {
		all.WriteByte(c)
	}
	return all.String()
}()
