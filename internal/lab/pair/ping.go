package pair

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// Ping is a client that asks the virtual address each millisecond whether it is there,
// and at the same time the third host, which always is. A Ping of more than five
// minutes ends by itself.
type Ping struct {
	pair    *Pair
	process *lab.Process
}

// Pinged is what came of it.
type Pinged struct {
	Sent int // to each of the two
	Lost int // of those to the virtual address, those never answered
	// Outage is the longest silence of the virtual address less a ping's millisecond and
	// less the machine's own lateness then, which the third host's answers show.
	Outage  time.Duration
	Silence time.Duration // the longest of the virtual address, as it was
	Noise   time.Duration // the longest silence of the third host, less a ping's millisecond
	// RealTime says whether the pings were sent with real-time priority.
	RealTime bool
}

// atOnce is how many answers show that an address is answered.
const atOnce = 50

// Ping starts to ask, and returns when there are answers.
func (p *Pair) Ping() *Ping {
	p.t.Helper()
	p.Client.Run("ip", "neigh", "flush", "dev", Segment)
	g := &Ping{pair: p, process: p.Client.Start(Bin(p.t, "witness"), "ping", Virtual, ThirdAddress)}
	g.Answered()
	return g
}

// Answered waits until some more answers of the virtual address have come.
func (g *Ping) Answered() {
	g.pair.t.Helper()
	mark := g.process.Mark()
	g.process.Send(fmt.Sprintf("more %d", atOnce))
	g.process.WaitFor(mark, `(?m)^answered$`)
}

// Stop waits until the virtual address is answered, and ends the asking.
func (g *Ping) Stop() Pinged {
	g.pair.t.Helper()
	g.Answered()
	mark := g.process.Mark()
	g.process.Send("stop")
	line := g.process.WaitFor(mark, `(?m)^\{.*\}$`)[0]
	if err := g.process.Wait(); err != nil {
		g.pair.t.Fatalf("ping: %v\n%s", err, g.process.Output())
	}
	var r struct {
		Sent, Lost     int
		RealTime       bool  `json:"real_time"`
		Outage         int64 `json:"outage_us"`
		Silence        int64 `json:"silence_us"`
		ControlSilence int64 `json:"control_silence_us"`
	}
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		g.pair.t.Fatalf("ping: %q: %v", line, err)
	}
	microseconds := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	return Pinged{
		Sent: r.Sent, Lost: r.Lost, RealTime: r.RealTime, Outage: microseconds(r.Outage), Silence: microseconds(r.Silence),
		Noise: max(0, microseconds(r.ControlSilence)-time.Millisecond),
	}
}
