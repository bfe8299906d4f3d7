package heartbeat

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// MaxMisses is how many missed heartbeats a check may allow at most.
const MaxMisses = 1000

// Check is one check that waits for the heartbeats of an id and service. Several may wait for the same ones.
type Check struct {
	// ID names the sender, Service is what it speaks of; each 1..128 bytes of printable ASCII.
	ID, Service string
	// Secrets are what senders' keys are derived from: a line counts if one of them made its sender's. None: lines are
	// not signed. Checks of one id and service must have the same.
	Secrets [][]byte
	// Interval is how often a heartbeat is wanted, 10ms..1h.
	Interval time.Duration
	// Misses is how many intervals without a heartbeat are down, 1..MaxMisses.
	Misses int
	// Fallback says that the check can be polled.
	Fallback bool
	// Seed spreads polls in time: each check has another one, and always the same.
	Seed uint64
}

// Validate says what is wrong with the check, nil if nothing is.
func (c Check) Validate() error {
	switch {
	case !wire.ValidName(c.ID):
		return fmt.Errorf("the heartbeat's id %.40q is not 1..%d bytes of printable ASCII", c.ID, wire.MaxName)
	case !wire.ValidName(c.Service):
		return fmt.Errorf("the heartbeat's service %.40q is not 1..%d bytes of printable ASCII", c.Service, wire.MaxName)
	case c.Interval < wire.MinInterval || c.Interval > wire.MaxInterval:
		return fmt.Errorf("the heartbeat's interval %s is not within %s and %s", c.Interval, wire.MinInterval, wire.MaxInterval)
	case c.Misses < 1 || c.Misses > MaxMisses:
		return fmt.Errorf("the heartbeat's misses are %d, not 1..%d", c.Misses, MaxMisses)
	}
	for i, secret := range c.Secrets {
		if len(secret) == 0 {
			return fmt.Errorf("secret %d is empty", i+1)
		}
	}
	return nil
}

// errOtherSecrets refuses a check whose heartbeats would count for one check and not for another.
var errOtherSecrets = errors.New("another check of the same id and service has other secrets: give both the same")

// limit is how long silence is allowed.
func (c Check) limit() time.Duration { return time.Duration(c.Misses) * c.Interval }

// spread is a part of the interval, the same one each time, and another for each check.
func (c Check) spread() time.Duration {
	return time.Duration(float64(c.Interval) * (float64(c.Seed>>11) / (1 << 53)))
}

func sameSecrets(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
