package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

var heartbeatKeys = object(
	optional("id", peerName, func(h *HeartbeatKeys) *Value[string] { return &h.ID }, "the real server's address:port",
		"the name that the sender gives itself"),
	required("service", peerName, func(h *HeartbeatKeys) *Value[string] { return &h.Service },
		"the name that the program knows the service by"),
	optional("secret", nameWord, func(h *HeartbeatKeys) *Value[string] { return &h.Secret }, "none: heartbeats are not signed",
		"the name of the secret that the sender's key is derived from"),
	defaulted("interval", toldInterval, func(h *HeartbeatKeys) *Value[time.Duration] { return &h.Interval }, time.Second,
		"how often the program sends"),
	defaulted("misses", whole(1, 1000), func(h *HeartbeatKeys) *Value[int] { return &h.Misses }, 3,
		"intervals without a heartbeat that are down"),
	optional("fallback", object(
		required("monitor", fallbackKeys, func(f *FallbackKeys) *Value[MonitorKeys] { return &f.Monitor },
			"the monitor inside the real server's program, which is polled"),
	), func(h *HeartbeatKeys) *Value[FallbackKeys] { return &h.Fallback }, "none: nobody is asked",
		"who confirms that a new instance is real, and decides while the relays are silent"),
)

var fallbackKeys = object(slices.Concat(monitorTarget, []key[MonitorKeys]{
	optional("service", peerName, monitorService, "the heartbeat's", "the name that the program knows the service by"),
	optional("secret", nameWord, monitorSecret, "none: answers are not signed",
		"the name of the secret that signs its answers; needed where heartbeats are signed"),
})...)

var relayKeys = object(
	defaulted("listen", socketAddress, func(r *RelayKeys) *Value[netip.AddrPort] { return &r.Listen }, heartbeatListen,
		"where heartbeats are received (UDP)"),
	required("id", peerName, func(r *RelayKeys) *Value[string] { return &r.ID },
		"the relay's own name"),
	optional("secret", nameWord, func(r *RelayKeys) *Value[string] { return &r.Secret }, "none: what it sends is not signed",
		"the name of the secret whose file holds the relay's key, as mainstay secret derive prints it"),
	defaulted("cadence", toldInterval, func(r *RelayKeys) *Value[time.Duration] { return &r.Cadence }, time.Second,
		"how often it sends all that it has"),
	required("directors", list(peerAddress), func(r *RelayKeys) *Value[[]Value[netip.AddrPort]] { return &r.Directors },
		"where it sends to: each director's own address and the port of its heartbeat_listen"),
)

// toldInterval is an interval that peers are told.
var toldInterval = holding(duration(wire.MinInterval), canBeTold)

// canBeTold says what keeps an interval from being told on the wire.
func canBeTold(d time.Duration) error {
	if d > wire.MaxInterval || d%time.Millisecond != 0 {
		return fmt.Errorf("is %s (want whole milliseconds, at most %s: it is told on the wire)", short(d), short(wire.MaxInterval))
	}
	return nil
}

const (
	wantSocket = `an address and port to listen at, as in "[::]:9652" or 192.0.2.11:9652`
	wantPeer   = `an address and port, as in 192.0.2.11:9652 or "[2001:db8::11]:9652"`
)

// socketAddress is where a program of this host listens: at one of its addresses, or at
// all of them.
var socketAddress = scalar("address:port", wantSocket, func(text string) (netip.AddrPort, error) {
	host, port, ok := cutPort(text)
	if !ok {
		return netip.AddrPort{}, errNotThat
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() && !a.Is4In6() && a.Zone() == "" {
		return netip.AddrPortFrom(a, port), nil
	}
	a, err := parseAddr(host)
	return netip.AddrPortFrom(a, port), err
}, netip.AddrPort.String)

// peerAddress is where another host listens.
var peerAddress = scalar("address:port", wantPeer, func(text string) (netip.AddrPort, error) {
	host, port, ok := cutPort(text)
	if !ok {
		return netip.AddrPort{}, errNotThat
	}
	a, err := parseAddr(host)
	return netip.AddrPortFrom(a, port), err
}, netip.AddrPort.String)

// cutPort takes the port, 1 to 65535, off an address, which loses its brackets.
func cutPort(text string) (host string, port uint16, ok bool) {
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(text[at+1:], 10, 16)
	if err != nil || n == 0 || text[at+1] == '0' {
		return "", 0, false
	}
	host = text[:at]
	inner, bracket := strings.CutPrefix(host, "[")
	if bracket {
		inner, bracket = strings.CutSuffix(inner, "]")
	}
	if bracket != strings.Contains(host, ":") {
		return "", 0, false
	}
	return inner, uint16(n), true
}
