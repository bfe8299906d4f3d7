package checker_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
)

func Example() {
	// A real server, on loopback.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := listener.Addr().(*net.TCPAddr).AddrPort()

	timing := checker.DefaultTiming()
	timing.Interval, timing.FastInterval, timing.Fall = 500*time.Millisecond, 20*time.Millisecond, 2
	spec := checker.Spec{Target: server, Options: checker.TCP{}, Timing: timing}
	if err := spec.Validate(); err != nil {
		fmt.Println(err)
		return
	}

	engine := checker.New(checker.Config{})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()

	engine.Set([]checker.Spec{spec})
	for event := range engine.Events() {
		switch {
		case !event.Changed:
		case event.Verdict == checker.Up:
			fmt.Println("up")
			listener.Close()
		case event.Verdict == checker.Down:
			fmt.Println("down:", event.Reason)
			stop() // which closes the stream of events
		}
	}
	if err := <-ended; err != nil {
		fmt.Println(err)
	}
	// Output:
	// up
	// down: connection refused
}

// A check can be run once, for people to look at.
func ExampleEngine_RunOnce() {
	result := checker.New(checker.Config{}).RunOnce(context.Background(), checker.Spec{
		Target:  netip.MustParseAddrPort("127.0.0.1:1"),
		Options: checker.HTTP{Method: "GET", Path: "/", Status: []checker.StatusRange{{From: 200, To: 299}}},
		Timing:  checker.DefaultTiming(),
	})
	fmt.Println(result.Answer == checker.Failure, result.Reason)
	// Output: true connection refused
}
