//go:build kernel

package kernel

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Answers that find no room are lost, and that is said; after it the table can be read
// at once.
func TestLostAnswersAreAnErrorAndThenAllIsWell(t *testing.T) {
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4096); err != nil {
		t.Fatal(err)
	}
	table, err := ipvs.ParseTable("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1")
	if err != nil {
		t.Fatal(err)
	}
	missing := table.Services[0]
	changes := make([]ipvs.Change, 500)
	for i := range changes {
		changes[i] = ipvs.Change{Op: ipvs.AddServer, Service: missing.Head(), Server: missing.Servers[0]}
	}
	if _, err := c.Apply(changes); !errors.Is(err, ErrOverrun) {
		t.Fatalf("500 refusals into a tiny buffer: %v", err)
	}
	// A request whose answer is lost waits for as long as the socket lets it: here, not
	// at all.
	if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadServices([]ipvs.Key{missing.Key}); err != nil {
		t.Errorf("the next request: %v", err)
	}
}
