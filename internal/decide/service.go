package decide

import (
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// OnFailure says what becomes of a real server that failed its checks.
type OnFailure uint8

// What can become of a failed server.
const (
	Remove  OnFailure = iota // it leaves the table
	Quiesce                  // it stays with weight 0, so that its open connections live on
)

// Service is a virtual service as the configuration file describes it.
type Service struct {
	Name string
	Head ipvs.Service // without servers

	// Quorum is the sum of weights at which the service counts as working, and
	// Hysteresis how far the sum must move past it before that changes. Quorum
	// is 1 or more, Hysteresis less than Quorum.
	Quorum     int
	Hysteresis int

	Sorry         *ipvs.Server // serves while quorum is lost; nil: none
	OnFailure     OnFailure
	FailOpenBelow int           // percent, 0..100; 0: never
	SlowStart     time.Duration // 0: none
	DrainTimeout  time.Duration // 0: a drained server is out at once

	Servers []Server // in the file's order
}

// Server is a real server as the configuration file describes it. The weight of
// its embedded value is the configured one.
type Server struct {
	ipvs.Server
	Checks []string // the names of its checks, for reasons; none: it is always up
}
