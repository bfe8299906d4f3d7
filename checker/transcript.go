package checker

import "net"

// maxTranscript bounds what is kept of each direction, in bytes.
const maxTranscript = 4 << 10

// transcript keeps the beginning of what a run sent and read, for people to look
// at. All methods of a nil transcript do nothing, which is how the engine runs.
type transcript struct{ sent, read []byte }

func (t *transcript) addSent(b []byte) {
	if t != nil {
		t.sent = append(t.sent, b[:min(len(b), maxTranscript-len(t.sent))]...)
	}
}

func (t *transcript) addRead(b []byte) {
	if t != nil {
		t.read = append(t.read, b[:min(len(b), maxTranscript-len(t.read))]...)
	}
}

// of returns the connection with all that passes through it kept.
func (t *transcript) of(c net.Conn) net.Conn {
	if t == nil {
		return c
	}
	return recorded{c, t}
}

type recorded struct {
	net.Conn
	t *transcript
}

func (r recorded) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.t.addRead(b[:n])
	return n, err
}

func (r recorded) Write(b []byte) (int, error) {
	n, err := r.Conn.Write(b)
	r.t.addSent(b[:n])
	return n, err
}
