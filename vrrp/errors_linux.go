package vrrp

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The reasons why a [Conn] can't be opened, or does not send, that an owner may want
// to tell apart.
var (
	ErrNotPermitted = errors.New("not permitted: it needs the capability CAP_NET_RAW")
	ErrNoInterface  = errors.New("there is no such interface")
	ErrUnreachable  = errors.New("the interface is gone, down or has no way there, or the source is no address of this host that can be used yet")
	ErrFirewall     = errors.New("a firewall of this host drops it: let protocol 112 pass")
)

// explainListen says what is wrong of an errno when a socket is opened.
func explainListen(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w (%w)", ErrNotPermitted, err)
	case errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("this kernel has no addresses of that family (%w)", err)
	}
	return explainInterface(err)
}

// explainSend says what is wrong of an errno when something is sent.
func explainSend(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w (%w)", ErrFirewall, err)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EADDRNOTAVAIL):
		// Some kernels say so of a source that is not theirs, others ENETUNREACH.
		return fmt.Errorf("%w (%w)", ErrUnreachable, err)
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS):
		return fmt.Errorf("the interface takes nothing more now (%w)", err)
	}
	return explainInterface(err)
}

// explainInterface says what is wrong of an errno about the interface.
func explainInterface(err error) error {
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("%w (%w)", ErrNoInterface, err)
	case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return fmt.Errorf("%w (%w)", ErrUnreachable, err)
	}
	return err
}
