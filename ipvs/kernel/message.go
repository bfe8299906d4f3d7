package kernel

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// command is a command of the kernel's IPVS family (ip_vs.h, IPVS_CMD_*).
type command uint8

const (
	cmdNewService command = 1
	cmdSetService command = 2
	cmdDelService command = 3
	cmdGetService command = 4
	cmdNewDest    command = 5
	cmdSetDest    command = 6
	cmdDelDest    command = 7
	cmdGetDest    command = 8
	cmdNewDaemon  command = 9
	cmdDelDaemon  command = 10
	cmdGetDaemon  command = 11
	cmdGetInfo    command = 15
)

// The attributes of a message (ip_vs.h, IPVS_CMD_ATTR_*).
const (
	attrService = 1
	attrDest    = 2
	attrDaemon  = 3
)

// The attributes of GET_INFO's answer (ip_vs.h, IPVS_INFO_ATTR_*).
const (
	infoVersion  = 1
	infoConnSize = 2
)

// The attributes of a virtual service (ip_vs.h, IPVS_SVC_ATTR_*).
const (
	svcFamily   = 1
	svcProtocol = 2
	svcAddress  = 3
	svcPort     = 4
	svcMark     = 5
	svcSched    = 6
	svcFlags    = 7
	svcTimeout  = 8
	svcNetmask  = 9
	svcEngine   = 11
)

// The flags of a virtual service (ip_vs.h, IP_VS_SVC_F_*).
const (
	flagPersistent = 0x0001
	flagOnePacket  = 0x0004
	flagSched1     = 0x0008 // the two others follow
)

// The attributes of a real server (ip_vs.h, IPVS_DEST_ATTR_*).
const (
	dstAddress    = 1
	dstPort       = 2
	dstForward    = 3
	dstWeight     = 4
	dstUpper      = 5
	dstLower      = 6
	dstActive     = 7
	dstInactive   = 8
	dstPersistent = 9
	dstStats      = 10
	dstFamily     = 11
	dstStats64    = 12
	dstTunType    = 13
	dstTunPort    = 14
	dstTunFlags   = 15
)

// The attributes of statistics (ip_vs.h, IPVS_STATS_ATTR_*).
const (
	statConns    = 1
	statPktsIn   = 2
	statPktsOut  = 3
	statBytesIn  = 4
	statBytesOut = 5
)

// The attributes of a sync daemon (ip_vs.h, IPVS_DAEMON_ATTR_*).
const (
	daemonState     = 1
	daemonInterface = 2
	daemonID        = 3
)

// native is the byte order of netlink headers and of all integers but ports.
var native = binary.NativeEndian

const headerSize = unix.NLMSG_HDRLEN + unix.GENL_HDRLEN

// message builds one request at the end of a buffer that may hold others.
type message struct {
	buf   []byte
	start int // where this message begins
}

// begin starts a message; end completes it.
func begin(buf []byte, family uint16, cmd command, flags uint16, seq uint32) *message {
	m := &message{buf: buf, start: len(buf)}
	m.buf = append(m.buf, make([]byte, headerSize)...)
	h := m.buf[m.start:]
	native.PutUint16(h[4:], family)
	native.PutUint16(h[6:], flags|unix.NLM_F_REQUEST)
	native.PutUint32(h[8:], seq)
	h[unix.NLMSG_HDRLEN] = byte(cmd)
	h[unix.NLMSG_HDRLEN+1] = 1 // the family's version
	return m
}

func (m *message) end() []byte {
	native.PutUint32(m.buf[m.start:], uint32(len(m.buf)-m.start))
	return m.buf
}

// nest puts the attributes that fill adds inside one.
func (m *message) nest(attr uint16, fill func()) {
	at := len(m.buf)
	m.buf = append(m.buf, 0, 0, 0, 0)
	native.PutUint16(m.buf[at+2:], attr|unix.NLA_F_NESTED)
	fill()
	native.PutUint16(m.buf[at:], uint16(len(m.buf)-at))
}

// bytes adds an attribute, padded to four bytes.
func (m *message) bytes(attr uint16, value []byte) {
	var h [4]byte
	native.PutUint16(h[:], uint16(len(h)+len(value)))
	native.PutUint16(h[2:], attr)
	m.buf = append(m.buf, h[:]...)
	m.buf = append(m.buf, value...)
	for (len(m.buf)-m.start)%unix.NLA_ALIGNTO != 0 {
		m.buf = append(m.buf, 0)
	}
}

func (m *message) uint8(attr uint16, v uint8) { m.bytes(attr, []byte{v}) }

func (m *message) uint16(attr, v uint16) {
	var b [2]byte
	native.PutUint16(b[:], v)
	m.bytes(attr, b[:])
}

func (m *message) uint32(attr uint16, v uint32) {
	var b [4]byte
	native.PutUint32(b[:], v)
	m.bytes(attr, b[:])
}

// port adds an attribute in network byte order.
func (m *message) port(attr, v uint16) {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	m.bytes(attr, b[:])
}

// text adds an attribute with the zero byte that the kernel wants.
func (m *message) text(attr uint16, v string) { m.bytes(attr, append([]byte(v), 0)) }

// attributes calls see for each attribute of a message or of a nested attribute.
// It stops at the first that is cut off.
func attributes(b []byte, see func(attr uint16, value []byte)) {
	for len(b) >= unix.NLA_HDRLEN {
		size := int(native.Uint16(b))
		if size < unix.NLA_HDRLEN || size > len(b) {
			return
		}
		see(native.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.NLA_HDRLEN:size])
		b = b[min(len(b), (size+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	}
}

// uintOf reads an integer of one to eight bytes in the machine's order; an
// attribute of another size counts as 0.
func uintOf(v []byte) uint64 {
	switch len(v) {
	case 1:
		return uint64(v[0])
	case 2:
		return uint64(native.Uint16(v))
	case 4:
		return uint64(native.Uint32(v))
	case 8:
		return native.Uint64(v)
	default:
		return 0
	}
}

// portOf reads two bytes in network order.
func portOf(v []byte) uint16 {
	if len(v) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(v)
}
