package link

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// held is an address as the kernel described it.
type held struct {
	record
	body []byte // of the message, so that it can be put back just as it was
}

// addresses asks for the addresses of a family of an interface, in the kernel's order.
//
// A list that is too long for one datagram (hundreds) may change while the kernel writes it
// down, and then repeats some or leaves some out. Of the list of one interface's addresses
// the kernel does not say so, of that of all interfaces' addresses it does (but for a few
// microseconds: net/ipv4/devinet.c, inet_dump_addr). So a long list counts when a second
// one, of that kind, is the same.
func (s *socket) addresses(index int, family uint8) ([]held, error) {
	list, parts, err := s.addressesAmong(index, index, family)
	if err != nil || parts <= 1 {
		return list, err
	}
	for range maxTries {
		again, _, err := s.addressesAmong(0, index, family)
		if err != nil {
			return nil, err
		}
		if slices.EqualFunc(list, again, func(a, b held) bool { return a.record == b.record }) {
			return again, nil
		}
		list = again
	}
	return nil, errInterrupted
}

// addressesAmong picks the addresses of an interface from the list that the kernel has of
// the interface asked, 0 for all. Kernels before 4.20 always answer with all, and those that
// lack a family with the others.
func (s *socket) addressesAmong(asked, index int, family uint8) (list []held, parts int, err error) {
	build := func(buf []byte, seq uint32) []byte { return appendGetAddresses(buf, seq, family, asked) }
	parts, err = s.ask(build, func() { list = list[:0] }, func(body []byte) {
		of, r, ok := parseAddress(body)
		if ok && of == index && body[0] == family {
			list = append(list, held{r, bytes.Clone(body)})
		}
	})
	return list, parts, err
}

// find asks for an interface by its name: nil where there is none.
func (s *socket) find(name string) (*linkFacts, error) {
	if name == "" || len(name) >= unix.IFNAMSIZ {
		return nil, nil // the kernel has no such names
	}
	var found *linkFacts
	build := func(buf []byte, seq uint32) []byte { return appendGetLink(buf, seq, name) }
	_, err := s.ask(build, func() { found = nil }, func(body []byte) {
		if f, ok := parseLink(body); ok && string(f.name) == name {
			f.name, f.hardware = bytes.Clone(f.name), bytes.Clone(f.hardware)
			found = &f
		}
	})
	if gone(err) {
		return nil, nil
	}
	return found, err
}

// gone reports that a request failed for want of the interface.
func gone(err error) bool { return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) }

// name is what an interface is called in messages to people.
func (s *socket) name(index int) string {
	r, err := unix.NewIfreq("")
	if err == nil {
		r.SetUint32(uint32(index))
		err = unix.IoctlIfreq(s.fd, unix.SIOCGIFNAME, r)
	}
	if err != nil {
		return "the interface that had number " + strconv.Itoa(index)
	}
	return r.Name()
}
