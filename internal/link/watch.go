package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Watcher knows interfaces, by their names, whether they are there or not. The kernel
// tells it of each change, and it applies what the kernel says; only for an interface
// that appears or is renamed, and after events were lost, does it ask. Events of interfaces
// that nobody follows cost it next to nothing.
type Watcher struct {
	events   *socket
	requests *socket
	picture  *picture
	losses   uint64
}

const (
	// groups are what the kernel sends events about.
	groups = 1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1)
	// maxEvents bounds one Read: on any machine well under 10 ms, the shortest interval
	// that its caller keeps.
	maxEvents = 1024
	// maxDrained bounds how many events are thrown away before everything is read anew:
	// more than the socket holds.
	maxDrained = 1 << 15
)

// Watch opens a watcher that follows the named interfaces.
func Watch(names ...string) (*Watcher, error) {
	events, err := openSocket(groups)
	if err != nil {
		return nil, fmt.Errorf("watch the interfaces: %w", err)
	}
	requests, err := openSocket(0)
	if err != nil {
		_ = events.close()
		return nil, fmt.Errorf("watch the interfaces: %w", err)
	}
	w := &Watcher{events: events, requests: requests, picture: newPicture()}
	if err := w.Follow(names...); err != nil {
		_ = w.Close()
		return nil, err
	}
	return w, nil
}

// Close ends the watch.
func (w *Watcher) Close() error { return errors.Join(w.events.close(), w.requests.close()) }

// FD returns the descriptor that is readable when something happened.
func (w *Watcher) FD() int { return w.events.fd }

// Follow makes names the interfaces that are followed, in place of those before. New ones
// are read from the kernel at once. After an error the next [Watcher.Read] tries again, and
// tells of them.
func (w *Watcher) Follow(names ...string) error {
	added := w.picture.follow(names)
	err := w.ask()
	w.picture.settle(added)
	return err
}

// Interface returns what is known of an interface that is followed. It reports false where
// there is none of that name, or where it is not followed.
func (w *Watcher) Interface(name string) (Interface, bool) {
	e := w.picture.names[name]
	if e == nil || !e.there {
		return Interface{}, false
	}
	return e.value(), true
}

// Read takes in what has happened, without waiting for more, and returns the names of the
// followed interfaces that are not what they were: added, removed, deleted and made again,
// renamed, up or down, with another MTU, hardware address, or addresses. It takes in a
// thousand events at most; the descriptor stays readable while there are more.
//
// After an error something may have been missed: call Read again after a while, even if
// the descriptor is not readable. What it returns along with an error is right.
func (w *Watcher) Read() (changed []string, err error) {
	for range maxEvents {
		b, err := w.events.receive(unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if errors.Is(err, unix.ENOBUFS) || errors.Is(err, errCutOff) || err == nil && !messages(b, w.event) {
			w.losses++
			w.forget()
			break
		}
		if err != nil {
			return w.picture.changes(), fmt.Errorf("hear what happens to the interfaces: %w", err)
		}
	}
	err = w.ask()
	return w.picture.changes(), err
}

// Resync reads everything that is followed from the kernel, as [Watcher.Read] does by
// itself after events were lost, and returns the names of what is not as it was.
func (w *Watcher) Resync() (changed []string, err error) {
	w.forget()
	err = w.ask()
	return w.picture.changes(), err
}

// Losses returns how often events were lost, because they came faster than they were read.
func (w *Watcher) Losses() uint64 { return w.losses }

func (w *Watcher) event(h header, body []byte) { w.picture.event(h, body) }

// forget throws away the events that wait and has everything asked for. Those that come
// from now on are applied to the answers. They may be older than these, but whatever they
// take back, a later one restores.
func (w *Watcher) forget() {
	w.events.drain(maxDrained)
	w.picture.markAll()
}

// ask reads from the kernel what the picture lacks.
func (w *Watcher) ask() error {
	var failed []error
	for _, e := range w.picture.unread() {
		if err := w.read(e); err != nil {
			failed = append(failed, fmt.Errorf("read interface %s: %w", e.name, err))
		}
	}
	return errors.Join(failed...)
}

func (w *Watcher) read(e *entry) error {
	facts, err := w.requests.find(e.name)
	if err != nil {
		return err
	}
	var addresses []record
	if facts != nil {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			list, err := w.requests.addresses(facts.index, family)
			if gone(err) { // meanwhile: its deletion is the next event
				facts, addresses = nil, nil
				break
			}
			if err != nil {
				return err
			}
			for _, h := range list {
				addresses = append(addresses, h.record)
			}
		}
	}
	w.picture.load(e, facts, addresses)
	return nil
}
