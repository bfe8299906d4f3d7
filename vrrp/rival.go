package vrrp

import (
	"net/netip"
	"time"
)

// rival is another router that is heard to be master while we are.
type rival struct {
	source      netip.Addr
	first, last time.Time // heard, in a row
}

// warnTwoMasters warns of an advertisement that was heard while we were master and
// stayed it.
//
// One alone is no sign of trouble: two backups may both have become master, a master
// that we have preempted may have sent it before it heard us, and two networks that
// were apart may have been joined. In each case the lesser one steps back on hearing
// the better. So it takes two in a row: half an interval apart or more, and long enough
// for a host that is busy. Then the other does not hear us.
func (i *Instance) warnTwoMasters(now time.Time, d Datagram) {
	if i.heard.Priority == 0 {
		i.rival = rival{}
		return
	}
	interval := max(i.heard.Interval, i.router.AdvertInterval)
	if d.Source != i.rival.source || now.Sub(i.rival.last) > 3*interval {
		i.rival = rival{source: d.Source, first: now}
	}
	i.rival.last = now
	if now.Sub(i.rival.first) >= max(interval/2, busyHost) {
		i.warn(now, twoMasters, i.sight(d))
	}
}

// busyHost is how long a host may take to step back.
const busyHost = 100 * time.Millisecond
