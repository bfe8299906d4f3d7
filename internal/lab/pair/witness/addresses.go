package main

import (
	"fmt"
	"io"
	"time"

	"github.com/vishvananda/netlink"
)

// watchAddresses prints the host's addresses and then each change, without end.
func watchAddresses(out io.Writer) error {
	failed := make(chan error, 1)
	updates := make(chan netlink.AddrUpdate)
	err := netlink.AddrSubscribeWithOptions(updates, nil, netlink.AddrSubscribeOptions{
		ErrorCallback: func(err error) {
			select {
			case failed <- err:
			default:
			}
		},
		ReceiveBufferSize:      1 << 20,
		ReceiveBufferForceSize: true,
	})
	if err != nil {
		return fmt.Errorf("subscribe to addresses: %w", err)
	}
	// Whatever changes while these are read is told afterwards as well.
	existing, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range existing {
		fmt.Fprintf(out, "%d add %s\n", time.Now().UnixNano(), a.IPNet)
	}
	fmt.Fprintln(out, "ready")
	for u := range updates {
		word := "delete"
		if u.NewAddr {
			word = "add"
		}
		fmt.Fprintf(out, "%d %s %s\n", time.Now().UnixNano(), word, &u.LinkAddress)
	}
	return fmt.Errorf("watch addresses: %w", <-failed)
}
