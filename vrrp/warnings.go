package vrrp

import (
	"net/netip"
	"time"
)

// tellEvery is how often an operator is told of one kind of trouble at most.
const tellEvery = time.Minute

// inForceFor is how long a warning stays in force without being seen again: as long as
// three advertisements take, so that one of each is enough, but 10 s at least, so that
// people can see it.
func (i *Instance) inForceFor() time.Duration { return max(10*time.Second, 3*i.router.AdvertInterval) }

// warningKind is one kind of trouble: a verdict on what is dropped, or one of those
// below.
type warningKind uint8

const (
	twoMasters warningKind = warningKind(verdictCount) + iota
	intervalsDiffer
	addressesDiffer
	edgeFails    // the first of edgeKinds
	warningKinds = edgeFails + warningKind(edgeKinds)
)

// String returns the kind as [Warning] has it.
func (k warningKind) String() string {
	switch {
	case k < warningKind(verdictCount):
		return Verdict(k).String()
	case k == twoMasters:
		return "two_masters"
	case k == intervalsDiffer:
		return "intervals"
	case k == addressesDiffer:
		return "addresses"
	}
	return edgeKind(k - edgeFails).String()
}

// warnings are what was last seen of each kind of trouble: one peer's each, however
// many have it. Sentences are made when somebody reads them.
type warnings [warningKinds]warning

type warning struct {
	seen, told time.Time // last; zero: never
	sighting
}

// sighting is what a sentence is made of.
type sighting struct {
	source, destination netip.Addr
	ttl                 uint8
	priority            uint8
	interval            time.Duration
	authType            AuthType
	addresses           []netip.Addr
	err                 error // of the edge
}

// sight is a datagram and, as far as it was decoded, what it says.
func (i *Instance) sight(d Datagram) sighting {
	return sighting{
		source: d.Source, destination: d.Destination, ttl: d.TTL,
		priority: i.heard.Priority, interval: i.heard.Interval, authType: i.heard.AuthType,
	}
}

// warn notes trouble, and tells of it if that is due.
func (i *Instance) warn(now time.Time, kind warningKind, s sighting) {
	w := &i.warnings[kind]
	addresses := append(w.addresses[:0], s.addresses...) // ours to keep
	w.sighting, w.seen = s, now
	w.addresses = addresses
	if w.told.IsZero() || now.Sub(w.told) >= tellEvery {
		w.told = now
		i.edge.Warn(i.sentence(kind, &w.sighting))
	}
}

// forget ends all warnings that are in force; whoever was told is not told again any
// sooner.
func (w *warnings) forget() {
	for kind := range w {
		w[kind].seen = time.Time{}
	}
}

// warningsInForce are those seen lately.
func (i *Instance) warningsInForce(now time.Time) []Warning {
	inForce := []Warning{}
	for kind := range i.warnings {
		w := &i.warnings[kind]
		if !w.seen.IsZero() && now.Sub(w.seen) <= i.inForceFor() {
			k := warningKind(kind)
			inForce = append(inForce, Warning{Kind: k.String(), Sentence: i.sentence(k, &w.sighting), Seen: w.seen})
		}
	}
	return inForce
}

// warnDropped warns of a datagram that was dropped, unless that is as it should be:
// other routers' and other families' datagrams are only not for us.
func (i *Instance) warnDropped(now time.Time, v Verdict, d Datagram) {
	if v != WrongVRID && v != WrongFamily {
		i.warn(now, warningKind(v), i.sight(d))
	}
}

// warnDiffering warns of what an accepted advertisement has otherwise than ours.
func (i *Instance) warnDiffering(now time.Time, d Datagram) {
	if i.heard.Interval != i.router.AdvertInterval {
		i.warn(now, intervalsDiffer, i.sight(d))
	}
	if !i.heard.sameAddresses(i.addresses) {
		s := i.sight(d)
		s.addresses = i.heard.Addresses
		i.warn(now, addressesDiffer, s)
	}
}
