package daemon

import (
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd of the daemon's state (sd_notify(3)). Without systemd, or
// when it does not listen, there is nobody to tell.
func notify(state string) { _, _ = systemd.SdNotify(false, state) }

// watchdogTicks ticks twice in the time within which systemd wants to hear that the
// daemon is alive; never, where it does not ask.
func watchdogTicks() (ticks <-chan time.Time, stop func()) {
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval / 2)
	return t.C, t.Stop
}
