package checker

import (
	"fmt"
	"math"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// agentWords is what an agent has said so far. As for HAProxy each line changes only
// what it mentions.
type agentWords struct {
	administrative string // ready, drain or maint; empty: never said
	operational    string // up, down, stopped or fail; empty: never said
	percent        Optional
	most           Optional  // connections
	reason         string    // of the last line
	heard          time.Time // when the last line came; zero: none ever did
}

// hear takes in a line.
func (a *agentWords) hear(now time.Time, line wire.Agent) {
	if line.Administrative != "" {
		a.administrative = line.Administrative
	}
	if line.Operational != "" {
		a.operational = line.Operational
	}
	if line.Percent.Given {
		a.percent = Some(int(min(line.Percent.Value, 100))) // more than its whole weight nobody gets
	}
	if line.MaxConns.Given {
		a.most = Some(int(min(line.MaxConns.Value, maxConnections)))
	}
	a.reason, a.heard = line.Reason, now
}

// maxConnections bounds the number of connections that an agent asks for: more than
// that is more than a server ever has.
const maxConnections = math.MaxInt32

// result is what the agent's words mean. As for HAProxy a server in maint is not looked
// at, whatever its state is.
func (a *agentWords) result() Result {
	r := success()
	if a.percent.Given {
		r.Percent = a.percent.Value
	}
	r.MaxConnections = a.most
	switch {
	case a.administrative == "maint":
		r.Mode, r.Reason = Maintenance, a.saying("maint")
	case a.operational == "down" || a.operational == "stopped" || a.operational == "fail":
		return refused(a.saying(a.operational))
	case a.administrative == "drain":
		r.Mode, r.Reason = Draining, a.saying("drain")
	case r.Percent < 100:
		r.Reason = a.saying(fmt.Sprintf("up with %d%% of its weight", r.Percent))
	}
	return r
}

func (a *agentWords) saying(what string) string {
	if reason := clean(a.reason); reason != "" {
		return "agent says " + what + ": " + reason
	}
	return "agent says " + what
}

// silent is the result where the agent said nothing, or nothing that is a line, for
// that reason. A silent agent is not a down server: its last word stands for as long as
// expires after it came, and is forgotten then.
func (a *agentWords) silent(now time.Time, expires time.Duration, why string) Result {
	if a.heard.IsZero() {
		r := success()
		r.Reason = "the agent was never heard: " + why
		return r
	}
	since := a.heard.Format(time.TimeOnly)
	if now.Sub(a.heard) < expires {
		return inconclusive(fmt.Sprintf("the agent is silent since %s, its last word stands: %s", since, why))
	}
	*a = agentWords{heard: a.heard}
	r := success()
	r.Reason = fmt.Sprintf("the agent is silent since %s, its last word expired after %s: %s", since, expires, why)
	return r
}
