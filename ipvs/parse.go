package ipvs

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseTable reads a table in the form that `ipvsadm -Sn` and [Table.String]
// print, and that `ipvsadm -R` takes: numeric addresses, one rule a line, each
// service before its servers. Empty lines and lines that begin with # are passed
// over. Services and servers keep the order of the text. An error names the line.
func ParseTable(text string) (Table, error) {
	var t Table
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := t.addRule(words); err != nil {
			return Table{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return t, nil
}

func (t *Table) addRule(words []string) error {
	r := rule{words: words[1:]}
	switch words[0] {
	case "-A":
		s, err := r.service()
		if err != nil {
			return err
		}
		if _, found := t.Service(s.Key); found {
			return fmt.Errorf("the virtual service %s is there twice", s.Key)
		}
		t.Services = append(t.Services, s)
		return nil
	case "-a":
		key, server, err := r.server()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(t.Services, func(s Service) bool { return s.Key == key })
		if i < 0 {
			return fmt.Errorf("the real server %s comes before its virtual service %s", server.Address, key)
		}
		s := &t.Services[i]
		if _, found := s.Server(server.Address); found {
			return fmt.Errorf("the real server %s is there twice", ServerKey{key, server.Address})
		}
		s.Servers = append(s.Servers, server)
		return nil
	default:
		return fmt.Errorf("%q is not a rule (want -A or -a)", words[0])
	}
}

// rule reads the words of one rule from the left.
type rule struct{ words []string }

func (r *rule) next() (string, bool) {
	if len(r.words) == 0 {
		return "", false
	}
	w := r.words[0]
	r.words = r.words[1:]
	return w, true
}

// value reads the word that an option wants after it.
func (r *rule) value(option string) (string, error) {
	v, ok := r.next()
	if !ok {
		return "", fmt.Errorf("%s wants a value", option)
	}
	return v, nil
}

func (r *rule) number(option string, size int) (uint64, error) {
	v, err := r.value(option)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(v, 10, size)
	if err != nil {
		return 0, fmt.Errorf("%s %s: not a number from 0 to %d", option, v, uint64(1)<<size-1)
	}
	return n, nil
}

// key reads -t, -u, --sctp-service or -f; done reports whether the option was one
// of them.
func (r *rule) key(option string, k *Key) (done bool, err error) {
	for protocol, o := range protocolOptions {
		if o != option {
			continue
		}
		v, err := r.value(option)
		if err != nil {
			return true, err
		}
		address, err := netip.ParseAddrPort(v)
		if err != nil {
			return true, fmt.Errorf("%s %s: not an address and port", option, v)
		}
		*k = AddressKey(protocol, address)
		return true, nil
	}
	switch option {
	case "-f":
		n, err := r.number(option, 32)
		if err != nil {
			return true, err
		}
		if n == 0 {
			return true, errors.New("-f 0: a firewall mark is 1 or more")
		}
		*k = MarkKey(uint32(n), IPv4)
		return true, nil
	case "-6":
		k.Family = IPv6
		return true, nil
	}
	return false, nil
}

func (r *rule) service() (Service, error) {
	s := Service{Scheduler: DefaultScheduler}
	var flags []string
	for {
		option, more := r.next()
		if !more {
			break
		}
		if done, err := r.key(option, &s.Key); err != nil {
			return s, err
		} else if done {
			continue
		}
		var err error
		switch option {
		case "-s":
			s.Scheduler, err = r.value(option)
		case "-p":
			var n uint64
			n, err = r.number(option, 32)
			s.Persistence.Timeout = time.Duration(n) * time.Second
		case "-M":
			s.Persistence.Prefix, err = r.prefix(option)
		case "--pe":
			s.Engine, err = r.value(option)
		case "-o":
			s.OnePacket = true
		case "-b":
			var v string
			v, err = r.value(option)
			flags = strings.Split(v, ",")
		default:
			err = fmt.Errorf("%s: not an option of a virtual service", option)
		}
		if err != nil {
			return s, err
		}
	}
	if s.Key == (Key{}) {
		return s, errors.New("no virtual service is named (want -t, -u, --sctp-service or -f)")
	}
	if s.Persistence.Timeout != 0 && s.Persistence.Prefix == 0 {
		s.Persistence.Prefix = s.Family.bits()
	}
	for _, word := range flags {
		flag, err := ParseSchedulerFlag(s.Scheduler, word)
		if err != nil {
			return s, err
		}
		s.SchedulerFlags |= flag
	}
	return s, nil
}

// prefix reads a netmask: dotted, or a length.
func (r *rule) prefix(option string) (int, error) {
	v, err := r.value(option)
	if err != nil {
		return 0, err
	}
	if n, err := strconv.Atoi(v); err == nil && n >= 1 && n <= 128 {
		return n, nil
	}
	mask, err := netip.ParseAddr(v)
	if err != nil || !mask.Is4() {
		return 0, fmt.Errorf("%s %s: not a netmask", option, v)
	}
	b := mask.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	ones := bits.LeadingZeros32(^n)
	if ones == 0 || n<<ones != 0 {
		return 0, fmt.Errorf("%s %s: not a netmask", option, v)
	}
	return ones, nil
}

func (r *rule) server() (Key, Server, error) {
	var k Key
	s := Server{Weight: 1, Forward: DR} // ipvsadm's defaults
	for {
		option, more := r.next()
		if !more {
			break
		}
		if done, err := r.key(option, &k); err != nil {
			return k, s, err
		} else if done {
			continue
		}
		if forward, ok := forwardOptions[option]; ok {
			s.Forward = forward
			continue
		}
		if err := r.serverOption(option, &s); err != nil {
			return k, s, err
		}
	}
	if k == (Key{}) {
		return k, s, errors.New("no virtual service is named (want -t, -u, --sctp-service or -f)")
	}
	if !s.Address.IsValid() {
		return k, s, errors.New("no real server is named (want -r)")
	}
	return k, s, nil
}

func (r *rule) serverOption(option string, s *Server) error {
	for checksum, o := range checksumOptions {
		if o == option {
			s.Tunnel.Checksum = checksum
			return nil
		}
	}
	switch option {
	case "-r":
		v, err := r.value(option)
		if err != nil {
			return err
		}
		address, err := netip.ParseAddrPort(v)
		if err != nil {
			return fmt.Errorf("-r %s: not an address and port", v)
		}
		s.Address = address
	case "-w":
		n, err := r.number(option, 31)
		if err != nil {
			return err
		}
		s.Weight = int(n)
	case "-x":
		n, err := r.number(option, 32)
		if err != nil {
			return err
		}
		s.MaxConnections = uint32(n)
	case "-y":
		n, err := r.number(option, 32)
		if err != nil {
			return err
		}
		s.ResumeConnections = uint32(n)
	case "--tun-type":
		v, err := r.value(option)
		if err != nil {
			return err
		}
		s.Tunnel.Type, err = ParseTunnelType(v)
		return err
	case "--tun-port":
		n, err := r.number(option, 16)
		if err != nil {
			return err
		}
		s.Tunnel.Port = uint16(n)
	default:
		return fmt.Errorf("%s: not an option of a real server", option)
	}
	return nil
}
