package config

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// How the messages say what an address should look like.
const (
	wantListen   = `address:port/tcp, /udp or /sctp, as in 192.0.2.100:80/tcp or "[2001:db8::100]:80/tcp"`
	wantEndpoint = `an address with or without a port, as in 192.0.2.21:80 or "[2001:db8::21]:80"`
	wantAddress  = "an IP address"
	wantVirtual  = `an address with or without its network's length, as in 192.0.2.100/32 or "2001:db8::100/128"`
)

// listenAddress is the address, port and protocol of a virtual service.
var listenAddress = scalar("address:port/protocol", wantListen, func(text string) (ipvs.Key, error) {
	where, protocol, ok := strings.Cut(text, "/")
	if !ok {
		return ipvs.Key{}, fmt.Errorf("%s has no protocol (want %s)", quote(text), wantListen)
	}
	p, err := ipvs.ParseProtocol(protocol)
	if err != nil {
		return ipvs.Key{}, err
	}
	e, err := parseEndpoint(where)
	switch {
	case err != nil:
		return ipvs.Key{}, err
	case !e.HasPort:
		return ipvs.Key{}, fmt.Errorf("%s has no port (want %s; port 0 stands for all)", quote(text), wantListen)
	}
	return ipvs.AddressKey(p, netip.AddrPortFrom(e.Addr, e.Port)), nil
}, ipvs.Key.String)

// endpoint is the address of a server, with or without its port.
var endpoint = scalar("address[:port]", wantEndpoint, parseEndpoint, Endpoint.String)

// hostAddress is an address alone.
var hostAddress = scalar("address", wantAddress, parseAddr, netip.Addr.String)

// linkAddress is the address of a host on a link that is known, and virtualAddress one
// that a virtual router's master puts there.
var (
	linkAddress    = scalar("address", wantAddress, parseLinkAddr, netip.Addr.String)
	virtualAddress = scalar("address[/length]", wantVirtual, parseVirtualAddr, netip.Prefix.String)
)

// parseEndpoint reads an address, with its port where it has one. An IPv6
// address has to stand in brackets even without a port: 2001:db8::21:80 could be
// meant either way, and would be an address.
func parseEndpoint(text string) (Endpoint, error) {
	host, port, hasPort := text, "", false
	if rest, ok := strings.CutPrefix(text, "["); ok {
		var after string
		if host, after, ok = strings.Cut(rest, "]"); !ok {
			return Endpoint{}, errNotThat
		}
		if port, hasPort = strings.CutPrefix(after, ":"); !hasPort && after != "" || !strings.Contains(host, ":") {
			return Endpoint{}, errNotThat
		}
	} else if strings.Count(text, ":") == 1 {
		host, port, hasPort = strings.Cut(text, ":")
	} else if a, err := netip.ParseAddr(text); err == nil && a.Is6() {
		return Endpoint{}, errNoBrackets
	}
	a, err := parseAddr(host)
	if err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{Addr: a, HasPort: hasPort}
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || len(port) > 1 && port[0] == '0' {
			return Endpoint{}, fmt.Errorf("has the port %s (want a number, 0 to 65535)", quote(port))
		}
		e.Port = uint16(n)
	}
	return e, nil
}

var errNoBrackets = errors.New(`is an IPv6 address without brackets (want it in brackets, and the whole in quotes, as in "[2001:db8::21]:80")`)

var errNotUnicast = errors.New("is not the address of one host (want neither the unspecified, nor a multicast or broadcast address)")

// parseAddr reads the address of one host, without a zone.
func parseAddr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err == nil && a.Is6() && a.IsLinkLocalUnicast() {
		return a, fmt.Errorf("%s is a link-local address, which is no place without its interface (want a routable address)", shown(text))
	}
	return oneHost(a, err, text)
}

// oneHost holds the rules for the address of one host, as it was parsed from text.
func oneHost(a netip.Addr, err error, text string) (netip.Addr, error) {
	switch {
	case err != nil:
		return a, fmt.Errorf("%s is not an IP address (want one: names are not looked up)", quote(text))
	case a.Zone() != "":
		return a, fmt.Errorf("%s has a zone (want %s)", quote(text), a.WithZone(""))
	case a.Is4In6():
		return a, fmt.Errorf("%s is an IPv4 address written as IPv6 (want %s)", quote(text), a.Unmap())
	case a.IsUnspecified(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return a, errNotUnicast
	}
	return a, nil
}

// parseLinkAddr reads the address of one host on a link that is known: it may be
// link-local there, and can't be a loopback one.
func parseLinkAddr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err == nil && a.IsLoopback() {
		return a, fmt.Errorf("%s is a loopback address, which no other host can reach (want one that others can)", shown(text))
	}
	return oneHost(a, err, text)
}

// parseVirtualAddr reads an address with the length of its network's prefix. Without
// one it is a network of its own, as it is to the ip command and to keepalived.
func parseVirtualAddr(text string) (netip.Prefix, error) {
	if strings.HasPrefix(text, "[") {
		return netip.Prefix{}, errNotThat
	}
	where, length, hasLength := strings.Cut(text, "/")
	a, err := parseLinkAddr(where)
	switch {
	case err != nil:
		return netip.Prefix{}, err
	case !hasLength:
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	bits, err := strconv.ParseUint(length, 10, 8)
	if err != nil || bits == 0 || bits > uint64(a.BitLen()) || length[0] == '0' {
		return netip.Prefix{}, fmt.Errorf("has the length %s (want a number, 1 to %d)", quote(length), a.BitLen())
	}
	p := netip.PrefixFrom(a, int(bits))
	if isNetwork(p) {
		return p, fmt.Errorf("%s is its network's own or its broadcast address (want that of a host in it, or length 32)", p)
	}
	return p, nil
}

// isNetwork says whether an IPv4 address is the first or the last of its network,
// which no host can have. Networks of one or two addresses have neither.
func isNetwork(p netip.Prefix) bool {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return false
	}
	b := p.Addr().As4()
	hosts := uint32(1)<<(32-p.Bits()) - 1
	host := binary.BigEndian.Uint32(b[:]) & hosts
	return host == 0 || host == hosts
}
