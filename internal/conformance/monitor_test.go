package conformance

import (
	"context"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/monitor"
)

// Package monitor does as the specification says, with and without a secret, and with heartbeats.
func TestPackageMonitor(t *testing.T) {
	key := make([]byte, 32)
	for _, c := range []struct {
		name   string
		secret []byte
		beats  bool
	}{
		{"without a secret", nil, false},
		{"with a secret", []byte("correct horse battery staple"), false},
		{"with heartbeats", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := monitor.New(monitor.Options{Services: []string{"tally"}, Secret: c.secret})
			if err != nil {
				t.Fatal(err)
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Address: listener.Addr().String(), Service: "tally", Secret: c.secret}
			ended := make(chan error, 2)
			go func() { ended <- m.Serve(context.Background(), listener) }()
			waits := 1
			if c.beats {
				o.Heartbeats, o.HeartbeatID, o.HeartbeatKey = ear4(t), "rs-1", key
				to := []string{o.Heartbeats.LocalAddr().String()}
				waits++
				go func() {
					ended <- m.Heartbeat(context.Background(), monitor.HeartbeatOptions{ID: "rs-1", Service: "tally", Key: key, Interval: 200e6, To: to})
				}()
			}
			t.Cleanup(func() {
				m.Close()
				for range waits {
					if err := <-ended; err != nil {
						t.Error(err)
					}
				}
			})
			if diff := cmp.Diff([]string(nil), fails(t, o)); diff != "" {
				t.Errorf("clauses that fail (-want +got)\n%s", diff)
			}
		})
	}
}
