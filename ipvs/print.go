package ipvs

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// String returns the table as `ipvsadm -Sn` prints it, one rule a line, in the
// order of the table. It differs in one point: thresholds, which ipvsadm leaves
// out when it saves, are printed as the -x and -y that ipvsadm reads.
func (t Table) String() string {
	var b strings.Builder
	for _, s := range t.Services {
		b.WriteString(s.rule())
		b.WriteByte('\n')
		for _, server := range s.Servers {
			b.WriteString(server.rule(s.Key))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// rule is the service as the words that follow `ipvsadm`, without its servers.
func (s Service) rule() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-A %s -s %s", s.Key.option(), s.Scheduler)
	if p := s.Persistence; p.Timeout != 0 {
		fmt.Fprintf(&b, " -p %d", p.Timeout/time.Second)
		if p.Prefix != s.Family.bits() {
			fmt.Fprintf(&b, " -M %s", netmask(s.Family, p.Prefix))
		}
	}
	if s.Engine != "" {
		b.WriteString(" --pe " + s.Engine)
	}
	if s.OnePacket {
		b.WriteString(" -o")
	}
	if s.SchedulerFlags != 0 {
		b.WriteString(" -b " + strings.Join(s.SchedulerFlags.Words(s.Scheduler), ","))
	}
	return b.String()
}

// rule is the server as the words that follow `ipvsadm`.
func (s Server) rule(service Key) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-a %s -r %s %s -w %d", service.option(), s.Address, s.Forward.option(), s.Weight)
	if s.MaxConnections != 0 {
		fmt.Fprintf(&b, " -x %d", s.MaxConnections)
	}
	if s.ResumeConnections != 0 {
		fmt.Fprintf(&b, " -y %d", s.ResumeConnections)
	}
	if s.Forward == Tunnel {
		fmt.Fprintf(&b, " --tun-type %s", s.Tunnel.Type)
		if s.Tunnel.Type == GUE {
			fmt.Fprintf(&b, " --tun-port %d", s.Tunnel.Port)
		}
		if s.Tunnel.Type != IPIP {
			b.WriteString(" " + checksumOptions[s.Tunnel.Checksum])
		}
	}
	return b.String()
}

// option is the key as ipvsadm's option and value.
func (k Key) option() string {
	switch {
	case k.Mark != 0 && k.Family == IPv6:
		return fmt.Sprintf("-f %d -6", k.Mark)
	case k.Mark != 0:
		return fmt.Sprintf("-f %d", k.Mark)
	default:
		return protocolOptions[k.Protocol] + " " + k.Address.String()
	}
}

func (f Forward) option() string {
	for option, forward := range forwardOptions {
		if forward == f {
			return option
		}
	}
	return "-?"
}

var (
	protocolOptions = map[Protocol]string{TCP: "-t", UDP: "-u", SCTP: "--sctp-service"}
	forwardOptions  = map[string]Forward{"-m": NAT, "-g": DR, "-i": Tunnel}
	checksumOptions = map[TunnelChecksum]string{
		ChecksumNone: "--tun-nocsum", ChecksumStandard: "--tun-csum", ChecksumRemote: "--tun-remcsum",
	}
)

// Words returns the flags as ipvsadm names them for a scheduler: "sh-fallback",
// "mh-port", or "flag-1" where the scheduler gives the flag no meaning.
func (f SchedulerFlags) Words(scheduler string) []string {
	var words []string
	for _, n := range flagNames {
		if f&n.flag == 0 || (n.scheduler != "" && n.scheduler != scheduler) {
			continue
		}
		words = append(words, n.word)
		f &^= n.flag
	}
	return words
}

// ParseSchedulerFlag reads one word of [SchedulerFlags.Words]. It fails where
// the word belongs to another scheduler than the one named.
func ParseSchedulerFlag(scheduler, word string) (SchedulerFlags, error) {
	for _, n := range flagNames {
		if n.word != word {
			continue
		}
		if n.scheduler != "" && n.scheduler != scheduler {
			return 0, fmt.Errorf("%s is a flag of the scheduler %s, not of %s", word, n.scheduler, scheduler)
		}
		return n.flag, nil
	}
	return 0, fmt.Errorf("%q is not a scheduler flag (want sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3)", word)
}

// flagNames names each flag; a name that belongs to one scheduler stands before
// the general one.
var flagNames = []struct {
	flag      SchedulerFlags
	scheduler string
	word      string
}{
	{SHFallback, "sh", "sh-fallback"},
	{MHFallback, "mh", "mh-fallback"},
	{Flag1, "", "flag-1"},
	{SHPort, "sh", "sh-port"},
	{MHPort, "mh", "mh-port"},
	{Flag2, "", "flag-2"},
	{Flag3, "", "flag-3"},
}

// bits is the length of the family's addresses.
func (f Family) bits() int {
	if f == IPv4 {
		return 32
	}
	return 128
}

// netmask is a prefix length as ipvsadm's -M takes it: dotted for IPv4, the
// length for IPv6.
func netmask(f Family, prefix int) string {
	if f == IPv6 {
		return strconv.Itoa(prefix)
	}
	mask, err := netip.AddrFrom4([4]byte{255, 255, 255, 255}).Prefix(prefix)
	if err != nil {
		return strconv.Itoa(prefix)
	}
	return mask.Addr().String()
}
