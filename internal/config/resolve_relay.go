package config

import (
	"net/netip"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// maxDirectors bounds the directors of a relay: each gets all that it has, each cadence.
const maxDirectors = 64

// relay resolves the section relay; nil where there is none.
func (r *resolver) relay(v Value[RelayKeys]) *Relay {
	if !v.Given || v.bad {
		return nil
	}
	k := &v.V
	out := &Relay{Listen: k.Listen.V, ID: k.ID.V, Key: r.relayKey(k.Secret), Cadence: k.Cadence.V}
	seen := firsts[netip.AddrPort]{}
	for _, d := range k.Directors.V {
		if d.bad {
			continue
		}
		if line, again := seen.again(d.V, d.at); again {
			r.errorf(d.at, "is the same director as in line %d (want each once)", line)
		}
		out.Directors = append(out.Directors, d.V)
	}
	if n := len(k.Directors.V); k.Directors.Given && !k.Directors.bad && (n == 0 || n > maxDirectors) {
		r.errorf(k.Directors.at, "has %d directors (want 1 to %d)", n, maxDirectors)
	}
	r.warnOfRelay(v)
	return out
}

// relayKey finds the key in the file of the relay's secret.
func (r *resolver) relayKey(name Value[string]) []byte {
	secret := r.secret(name)
	if len(secret) == 0 || len(secret[0]) < minSecret { // that was said
		return nil
	}
	key, err := wire.ParseKey(secret[0])
	if err != nil {
		r.errorf(name.at, "%s holds no sender's key (want the 64 hexadecimal digits that mainstay secret derive prints for the relay's id)",
			shown(name.V))
	}
	return key
}

// warnOfRelay says what a relay of this file won't do.
func (r *resolver) warnOfRelay(v Value[RelayKeys]) {
	if !v.V.Secret.Given && !v.V.Secret.bad {
		r.warnf(v.at, "what the relay sends is not signed: directors whose heartbeats have a secret drop it (want a secret)")
	}
	if r.file.VirtualServices.Given || r.file.VirtualRouters.Given {
		r.warnf(v.at, "mainstay run leaves this to mainstay relay, which leaves it all else (want both of them, better each with a file of its own)")
	}
	if len(r.senders) == 0 { // the daemon listens for no heartbeats
		return
	}
	listen, director := v.V.Listen, r.file.Director.V.HeartbeatListen
	if listen.bad || director.bad || listen.V.Port() != director.V.Port() {
		return
	}
	if a, b := listen.V.Addr(), director.V.Addr(); a == b || a.IsUnspecified() || b.IsUnspecified() {
		at := v.at
		if listen.Given {
			at = listen.at
		}
		r.warnf(at, "the relay listens at %s, as director.heartbeat_listen does for mainstay run (want another port for one of them)", listen.V)
	}
}
