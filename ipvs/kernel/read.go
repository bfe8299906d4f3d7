package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Snapshot is the kernel's table, or a part of it, at one time.
type Snapshot struct {
	Table    ipvs.Table // sorted
	Counters map[ipvs.ServerKey]ipvs.Counters
}

// Read reads the whole table: one dump for the services and one for each
// service's servers, since the kernel has no other. What another program changes
// meanwhile may be missed or seen in part, without a sign of it.
func (c *Conn) Read() (Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var heads []ipvs.Service
	err := c.dump(c.request(cmdGetService, unix.NLM_F_DUMP, nil), func(data []byte) error {
		s, err := parseService(data)
		heads = append(heads, s)
		return err
	})
	if err != nil {
		return Snapshot{}, tableError("read the virtual services", err)
	}
	return c.readServers(heads)
}

// ReadServices reads the named services only, those of them that exist.
func (c *Conn) ReadServices(keys []ipvs.Key) (Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var heads []ipvs.Service
	for _, key := range keys {
		s, found, err := c.readService(key)
		if err != nil {
			return Snapshot{}, tableError("read the virtual service "+key.String(), err)
		}
		if found {
			heads = append(heads, s)
		}
	}
	return c.readServers(heads)
}

// readServers completes services with their servers.
func (c *Conn) readServers(heads []ipvs.Service) (Snapshot, error) {
	snap := Snapshot{Counters: make(map[ipvs.ServerKey]ipvs.Counters)}
	for _, s := range heads {
		request := c.request(cmdGetDest, unix.NLM_F_DUMP, func(m *message) { m.key(s.Key) })
		err := c.dump(request, func(data []byte) error {
			server, counters, err := parseServer(data, s.Family)
			s.Servers = append(s.Servers, server)
			snap.Counters[ipvs.ServerKey{Service: s.Key, Address: server.Address}] = counters
			return err
		})
		if err != nil {
			return Snapshot{}, tableError("read the real servers of "+s.Key.String(), err)
		}
		snap.Table.Services = append(snap.Table.Services, s)
	}
	snap.Table.Sort()
	return snap, nil
}

// readService asks for one service. A service that does not exist is no error.
func (c *Conn) readService(key ipvs.Key) (s ipvs.Service, found bool, err error) {
	err = c.ask(c.request(cmdGetService, 0, func(m *message) { m.key(key) }), func(data []byte) error {
		s, err = parseService(data)
		found = true
		return err
	})
	if errors.Is(err, unix.ESRCH) {
		return s, false, nil
	}
	return s, found, err
}

// Info is what the kernel says of its IPVS.
type Info struct {
	Version        string // such as "1.2.1"
	ConnectionSize uint32 // buckets of the connection hash table
}

// Info asks the kernel for its version of IPVS.
func (c *Conn) Info() (Info, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var info Info
	err := c.ask(c.request(cmdGetInfo, 0, nil), func(data []byte) error {
		if len(data) < unix.GENL_HDRLEN {
			return errors.New("the kernel's answer is cut off")
		}
		attributes(data[unix.GENL_HDRLEN:], func(attr uint16, v []byte) {
			switch attr {
			case infoVersion:
				n := uintOf(v)
				info.Version = fmt.Sprintf("%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff)
			case infoConnSize:
				info.ConnectionSize = uint32(uintOf(v))
			}
		})
		return nil
	})
	if err != nil {
		return Info{}, tableError("ask for the version of IPVS", err)
	}
	return info, nil
}

// request builds one request in the send buffer.
func (c *Conn) request(cmd command, flags uint16, fill func(*message)) []byte {
	m := begin(c.out[:0], c.family, cmd, flags, c.next())
	if fill != nil {
		fill(m)
	}
	c.out = m.end()
	return c.out
}

// dump sends a request and hands on each answer until the kernel ends the dump.
func (c *Conn) dump(request []byte, see func(data []byte) error) error {
	return c.exchange(request, func(a answer) (done bool, err error) {
		if a.kind == unix.NLMSG_DONE || a.kind == unix.NLMSG_ERROR {
			return true, errnoError(a.errno)
		}
		return false, see(a.data)
	})
}

// ask sends a request that has one answer.
func (c *Conn) ask(request []byte, see func(data []byte) error) error {
	return c.exchange(request, func(a answer) (done bool, err error) {
		if a.kind == unix.NLMSG_ERROR {
			return true, errnoError(a.errno)
		}
		return true, see(a.data)
	})
}

// exchange sends a request and reads answers until see says that it was the last.
// The first error of see is returned, after the rest has been read.
func (c *Conn) exchange(request []byte, see func(answer) (done bool, err error)) error {
	if err := c.send(request); err != nil {
		return err
	}
	var first error
	for done := false; !done; {
		err := c.receive(func(a answer) {
			if a.seq != c.seq || done {
				return
			}
			last, err := see(a)
			if err != nil && first == nil {
				first = err
			}
			done = last
		})
		if err != nil {
			return err
		}
	}
	return first
}

func errnoError(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
