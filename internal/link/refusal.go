package link

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// refusal is the kernel's answer to a request that it did not carry out.
type refusal struct {
	errno unix.Errno
	text  string // what newer kernels say about it; may be empty
}

// Error says what the kernel said.
func (r refusal) Error() string {
	if r.text == "" {
		return r.errno.Error()
	}
	return fmt.Sprintf("%v (%s)", r.errno, r.text)
}

// Unwrap returns the errno.
func (r refusal) Unwrap() error { return r.errno }

// refusalOf reads an answer of kind NLMSG_ERROR or NLMSG_DONE. It reports false where all
// is well.
func refusalOf(h header, body []byte) (r refusal, refused bool) {
	if len(body) < 4 {
		return r, false
	}
	errno := -int32(native.Uint32(body))
	if errno <= 0 {
		return r, false
	}
	r.errno = unix.Errno(errno)
	if h.flags&unix.NLM_F_ACK_TLVS == 0 {
		return r, true
	}
	// An error repeats our request, of which an option of the socket has left its header.
	details := body[4:]
	if h.kind == unix.NLMSG_ERROR {
		if len(details) < unix.NLMSG_HDRLEN {
			return r, true
		}
		repeated := unix.NLMSG_HDRLEN
		if h.flags&unix.NLM_F_CAPPED == 0 {
			repeated = int(min(native.Uint32(details), maxReceive))
		}
		details = details[min(len(details), align(repeated)):]
	}
	attributes(details, func(kind uint16, v []byte) {
		if kind == unix.NLMSGERR_ATTR_MSG {
			text, _, _ := bytes.Cut(v, []byte{0})
			r.text = string(text)
		}
	})
	return r, true
}

// explain turns an error that concerns an address of an interface into a sentence with its
// remedy.
func explain(err error, name string, ipv6 bool) error {
	var r refusal
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("no permission to change addresses: run as root, or with CAP_NET_ADMIN (%w)", err)
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("there is no such interface any more: it must be looked up anew by its name (%w)", err)
	case errors.Is(err, unix.EACCES) && ipv6:
		return fmt.Errorf("IPv6 is disabled on %s: sysctl -w net/ipv6/conf/%[1]s/disable_ipv6=0 (%[2]w)", name, err)
	case ipv6 && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT)):
		return fmt.Errorf("this kernel has no IPv6: boot it without ipv6.disable=1 (%w)", err)
	case errors.Is(err, unix.ENOBUFS):
		return fmt.Errorf("the kernel's answers were lost, so that nothing is known: read the addresses and try again (%w)", err)
	case errors.As(err, &r):
		return fmt.Errorf("the kernel refused it: %w", err)
	default:
		return err
	}
}
