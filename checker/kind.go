package checker

import (
	"context"
	"fmt"
	"time"
)

// probe is one check made ready: what could fail before a run has not.
type probe interface {
	// run asks once. It comes back soon after ctx is done, which is at the deadline
	// of the run or when nobody wants its result any more, and leaves nothing behind
	// that outlives it. A probe never runs twice at a time. Exchanged bytes go to the
	// transcript, which may be nil.
	run(ctx context.Context, t *transcript) Result
}

// standing is the probe of a check that is not run each interval: it stays with its
// server and reports by itself. Its run is for [Engine.RunOnce], and for what it asks for
// by post.ask. The engine calls begin once and end once, without any lock of its own, and
// neither waits for anything.
type standing interface {
	probe
	// begin starts the check, whose results are told through the post from now on.
	begin(p post)
	// end stops it. What it still reports has no effect.
	end()
	// answered takes the result of a run that post.ask brought about.
	answered(r Result, at time.Time)
}

// keeper is a probe that keeps something from run to run, such as a connection.
type keeper interface {
	probe
	// letGo gives it up. It may be called while a run is at work, which then keeps
	// nothing any more.
	letGo()
}

// kind is one way to ask a server whether it is alive.
type kind struct {
	prepare   func(Spec, Config) (probe, error)
	needsPort bool // the target must have a port
	process   bool // a run is a process: few may be at work at a time
}

// kinds are all kinds of check, by their names in the configuration file.
var kinds = map[string]kind{
	TCP{}.Kind():       {prepare: options(prepareTCP), needsPort: true},
	TLS{}.Kind():       {prepare: options(prepareTLS), needsPort: true},
	HTTP{}.Kind():      {prepare: options(prepareHTTP), needsPort: true},
	Exchange{}.Kind():  {prepare: options(prepareExchange), needsPort: true},
	Monitor{}.Kind():   {prepare: options(prepareMonitor), needsPort: true},
	Heartbeat{}.Kind(): {prepare: options(prepareHeartbeat)}, // its fallback needs one
	Command{}.Kind():   {prepare: options(prepareCommand), process: true},
	Agent{}.Kind():     {prepare: options(prepareAgent), needsPort: true},
	UDP{}.Kind():       {prepare: options(prepareUDP), needsPort: true},
	DNS{}.Kind():       {prepare: options(prepareDNS), needsPort: true},
	Ping{}.Kind():      {prepare: options(preparePing)},
	GRPC{}.Kind():      {prepare: options(prepareGRPC), needsPort: true},
}

// options gives a kind's prepare function the options of its own type.
func options[O Options](prepare func(Spec, O, Config) (probe, error)) func(Spec, Config) (probe, error) {
	return func(s Spec, c Config) (probe, error) {
		o, ok := s.Options.(O)
		if !ok {
			return nil, fmt.Errorf("options of kind %s are a %T, not a %T", s.Options.Kind(), s.Options, o)
		}
		return prepare(s, o, c)
	}
}

// broken is the probe of a check that can't be prepared. Nothing is known about the
// server, and that is said.
type broken struct{ err error }

func (b broken) run(context.Context, *transcript) Result {
	return inconclusive("this check can't run: " + b.err.Error())
}
