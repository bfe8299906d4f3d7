package kernel

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// SyncRole is what a connection sync daemon does. The kernel runs at most one daemon of
// each role in a network namespace, and both side by side.
type SyncRole uint8

// The roles (ip_vs.h, IP_VS_STATE_*).
const (
	SyncMaster SyncRole = 1 // sends this director's connections to the others
	SyncBackup SyncRole = 2 // takes in what the others send
)

// String returns the role as ipvsadm calls it.
func (r SyncRole) String() string {
	switch r {
	case SyncMaster:
		return "master"
	case SyncBackup:
		return "backup"
	default:
		return fmt.Sprintf("role %d", uint8(r))
	}
}

// SyncDaemon is one of the kernel's connection sync daemons, as `ipvsadm
// --start-daemon` starts it: by multicast to 224.0.0.81, port 8848.
type SyncDaemon struct {
	Role SyncRole
	// Interface is the one that it sends or listens on, 1 to 15 bytes. It must exist; it needs
	// no address yet.
	Interface string
	// ID tells the daemons of one network apart. A backup with ID 0 listens to masters of
	// every ID.
	ID uint8
}

// String names the daemon in messages.
func (d SyncDaemon) String() string {
	return fmt.Sprintf("%s sync daemon on %s with id %d", d.Role, d.Interface, d.ID)
}

// SyncDaemons asks the kernel which sync daemons run: none, one, or one of each role.
func (c *Conn) SyncDaemons() ([]SyncDaemon, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var running []SyncDaemon
	err := c.dump(c.request(cmdGetDaemon, unix.NLM_F_DUMP, nil), func(data []byte) error {
		d, err := parseSyncDaemon(data)
		running = append(running, d)
		return err
	})
	if err != nil {
		return nil, tableError("read the sync daemons", err)
	}
	return running, nil
}

// StartSyncDaemon starts a sync daemon. One that runs already just so is no error; one of the
// same role on another interface or with another id is, and goes on: stop it first. The
// other role is not concerned.
//
// The kernel's daemon holds on to its interface by number: if that is deleted and made again
// under its name, the daemon must be stopped and started, though [Conn.SyncDaemons] shows no
// difference.
func (c *Conn) StartSyncDaemon(d SyncDaemon) error {
	if d.Role != SyncMaster && d.Role != SyncBackup || d.Interface == "" || len(d.Interface) >= unix.IFNAMSIZ {
		return fmt.Errorf("start the %s: wants a role, and an interface of 1 to %d bytes", d, unix.IFNAMSIZ-1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	refused, running, err := c.order(cmdNewDaemon, d)
	if err != nil {
		return syncError("start the "+d.String(), err)
	}
	same := slices.IndexFunc(running, func(o SyncDaemon) bool { return o.Role == d.Role })
	if errors.Is(refused, unix.EEXIST) && same >= 0 {
		if running[same] == d {
			return nil
		}
		return fmt.Errorf("start the %s: a %s runs already: stop it first, ipvsadm --stop-daemon %s (%w)", d, running[same], d.Role, refused)
	}
	return syncError("start the "+d.String(), refused)
}

// StopSyncDaemon stops the sync daemon of a role, and returns when it has ended. That none
// runs is no error.
func (c *Conn) StopSyncDaemon(role SyncRole) error {
	doing := fmt.Sprintf("stop the %s sync daemon", role)
	c.mu.Lock()
	defer c.mu.Unlock()
	refused, running, err := c.order(cmdDelDaemon, SyncDaemon{Role: role})
	switch {
	case err != nil:
		return syncError(doing, err)
	case errors.Is(refused, unix.ESRCH):
		return nil
	case refused == nil && slices.ContainsFunc(running, func(o SyncDaemon) bool { return o.Role == role }):
		return fmt.Errorf("%s: it still runs, and the kernel does not say why", doing)
	default:
		return syncError(doing, refused)
	}
}

// order has the kernel carry out a command about a sync daemon, and tells whether it
// refused, and what runs afterwards.
//
// A command that stops a daemon which has not come to run yet is carried out and not
// answered: it ends with EINTR within the kernel, and netlink keeps silent about that one
// error (net/netlink/af_netlink.c, netlink_rcv_skb). So its answer is not waited for: the
// kernel works in order, and when it has told what runs, all is said.
func (c *Conn) order(cmd command, d SyncDaemon) (refused error, running []SyncDaemon, err error) {
	request := c.request(cmd, unix.NLM_F_ACK, func(m *message) { m.syncDaemon(d) })
	number := c.seq
	if err := c.send(request); err != nil {
		return nil, nil, err
	}
	if err := c.send(c.request(cmdGetDaemon, unix.NLM_F_DUMP, nil)); err != nil {
		return nil, nil, err
	}
	var failed error
	for done := false; !done; {
		err := c.receive(func(a answer) {
			switch {
			case a.seq == number:
				refused = errnoError(a.errno)
			case a.seq != c.seq || done: // late for an earlier request
			case a.kind == unix.NLMSG_DONE || a.kind == unix.NLMSG_ERROR:
				done, failed = true, errors.Join(failed, errnoError(a.errno))
			default:
				d, err := parseSyncDaemon(a.data)
				running, failed = append(running, d), errors.Join(failed, err)
			}
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return refused, running, failed
}

// syncDaemon adds a sync daemon; without an interface, its role only.
func (m *message) syncDaemon(d SyncDaemon) *message {
	m.nest(attrDaemon, func() {
		m.uint32(daemonState, uint32(d.Role))
		if d.Interface != "" {
			m.text(daemonInterface, d.Interface)
			m.uint32(daemonID, uint32(d.ID))
		}
	})
	return m
}

// parseSyncDaemon reads one answer to GET_DAEMON, without its netlink header.
func parseSyncDaemon(msg []byte) (SyncDaemon, error) {
	var d SyncDaemon
	body, err := body(msg, attrDaemon)
	if err != nil {
		return d, err
	}
	attributes(body, func(attr uint16, v []byte) {
		switch attr {
		case daemonState:
			d.Role = SyncRole(uintOf(v))
		case daemonInterface:
			d.Interface = text(v)
		case daemonID:
			d.ID = uint8(uintOf(v))
		}
	})
	return d, nil
}

// syncError turns an errno that concerns a sync daemon into a sentence.
func syncError(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%s: no permission: run as root, or with CAP_NET_ADMIN (%w)", doing, err)
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%s: there is no such interface (%w)", doing, err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%s: the kernel does not sync connections while a virtual service has real servers of the other family (%w)", doing, err)
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}
