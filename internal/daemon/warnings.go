package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// hostWarnings are sentences about what on this host does not fit a file: kernel
// parameters, and virtual addresses that are not there. Mainstay sets none of them.
func hostWarnings(file *config.Config) []string {
	warnings := append(sysctlWarnings(file, readSysctl), interfaceWarnings(file, hasInterface)...)
	local, err := localAddresses()
	if err != nil {
		return append(warnings, "the host's addresses are not known: "+err.Error())
	}
	warnings = append(warnings, notLocal(file, local)...)
	if serversAreLocal(file, local) && readSysctl("net.ipv4.vs.backup_only") == "0" {
		warnings = append(warnings, "sysctl net.ipv4.vs.backup_only is 0 and this director is one of its real servers: "+
			"as a backup it would balance again what the master sent to it (want 1)")
	}
	return warnings
}

// interfaceWarnings names the interfaces of routers that are not on this host now.
func interfaceWarnings(file *config.Config, there func(name string) bool) []string {
	var warnings []string
	seen := make(map[string]bool)
	for _, r := range file.Routers {
		for _, name := range append([]string{r.Interface}, r.TrackInterfaces...) {
			if !seen[name] && !there(name) {
				warnings = append(warnings, fmt.Sprintf("the interface %s of the virtual router %s is not on this host: it waits in fault until it comes", name, r.Name))
			}
			seen[name] = true
		}
	}
	return warnings
}

func hasInterface(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

// sysctlWarnings says which kernel parameters don't fit. A parameter that the kernel
// does not have reads as empty, and is not warned about.
func sysctlWarnings(file *config.Config, read func(name string) string) []string {
	var nat4, nat6, persistent bool
	for _, s := range file.Services {
		persistent = persistent || s.Head.Persistence.Timeout != 0
		for _, server := range s.Servers {
			nat4 = nat4 || server.Forward == ipvs.NAT && s.Head.Family == ipvs.IPv4
			nat6 = nat6 || server.Forward == ipvs.NAT && s.Head.Family == ipvs.IPv6
		}
	}
	var warnings []string
	warn := func(applies bool, name, bad, effect string) {
		if applies && read(name) == bad {
			warnings = append(warnings, fmt.Sprintf("sysctl %s is %s: %s (want 1)", name, bad, effect))
		}
	}
	warn(nat4, "net.ipv4.ip_forward", "0", "answers of real servers with forward: nat do not reach clients")
	warn(nat6, "net.ipv6.conf.all.forwarding", "0", "answers of real servers with forward: nat do not reach clients")
	warn(len(file.Services) > 0, "net.ipv4.vs.expire_nodest_conn", "0",
		"open connections to a server that left the table hang until they time out")
	warn(persistent, "net.ipv4.vs.expire_quiescent_template", "0",
		"persistent clients keep going to a server with weight 0")
	return warnings
}

// readSysctl reads a kernel parameter; one that is not there is empty.
func readSysctl(name string) string {
	text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func localAddresses() ([]netip.Addr, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var local []netip.Addr
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			local = append(local, prefix.Addr().Unmap())
		}
	}
	return local, nil
}

// notLocal names the virtual addresses that are not on this host: it gets no
// packets for them.
func notLocal(file *config.Config, local []netip.Addr) []string {
	var warnings []string
	seen := make(map[netip.Addr]bool)
	for _, s := range file.Services {
		address := s.Head.Address.Addr()
		if s.Head.Mark != 0 || seen[address] || slices.Contains(local, address) || held(file, address) {
			continue
		}
		seen[address] = true
		warnings = append(warnings, fmt.Sprintf("the virtual address %s of %s is not on this host: clients can't reach it here (ip address add %s dev …)",
			address, s.Name, netip.PrefixFrom(address, address.BitLen())))
	}
	return few(warnings, "virtual addresses are not on this host")
}

// held reports whether a virtual router of the file holds an address, here or on another
// director.
func held(file *config.Config, address netip.Addr) bool {
	return slices.ContainsFunc(file.Routers, func(r config.VirtualRouter) bool {
		return slices.ContainsFunc(r.Held(), func(p netip.Prefix) bool { return p.Addr() == address })
	})
}

// few keeps the first of many sentences of one sort, and says how many more there are.
func few(sentences []string, what string) []string {
	const most = 5
	if len(sentences) <= most {
		return sentences
	}
	return append(sentences[:most:most], fmt.Sprintf("%d more %s", len(sentences)-most, what))
}

func serversAreLocal(file *config.Config, local []netip.Addr) bool {
	for _, s := range file.Services {
		for _, server := range s.Servers {
			if slices.Contains(local, server.Address.Addr()) {
				return true
			}
		}
	}
	return false
}
