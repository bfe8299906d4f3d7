package daemon

import (
	"fmt"
	"log/slog"
	"os/user"
	"strconv"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/checker/heartbeat"
	"github.com/mainstay-lvs/mainstay/internal/config"
)

// newEngine makes the engine that runs a file's checks, with the marks of heartbeats that
// were saved.
func newEngine(file *config.Config, a *allowance, marks heartbeat.Marks, log *slog.Logger) (*checker.Engine, error) {
	a.set(file.Services)
	c := checker.Config{
		Logger:     log,
		Heartbeats: checker.HeartbeatConfig{Marks: marks},
		Shortcut:   func(key checker.Key) bool { return a.allow(time.Now(), key) },
	}
	if name := file.Director.CommandUser; name != "" {
		who, err := lookupUser(name)
		if err != nil {
			return nil, fmt.Errorf("director.command_user: %w", err)
		}
		c.CommandUser = who
	}
	return checker.New(c), nil
}

// lookupUser finds the numbers of a user and of its groups.
func lookupUser(name string) (*checker.User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %s: %w", name, err)
	}
	numbers := make([]uint32, 0, 2+len(groups))
	for _, text := range append([]string{u.Uid, u.Gid}, groups...) {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		numbers = append(numbers, uint32(n))
	}
	return &checker.User{UID: numbers[0], GID: numbers[1], Groups: numbers[2:]}, nil
}

// lateness says, where it is so, that the checks can't keep their intervals.
func lateness(s checker.Stats) []string {
	const worth = 250 * time.Millisecond // less is the noise of a busy host
	var warnings []string
	if s.WorstLateness > worth {
		warnings = append(warnings, fmt.Sprintf("checks started up to %s late in the last minute: this host is too slow for so many "+
			"(give them longer intervals, or it more CPU); no server is held down for it", s.WorstLateness.Round(time.Millisecond)))
	}
	if s.Lost > 0 {
		warnings = append(warnings, fmt.Sprintf("%d runs of checks did not come back from their deadline", s.Lost))
	}
	return warnings
}
