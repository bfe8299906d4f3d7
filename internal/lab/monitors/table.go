package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// look is how often the table is looked at.
const look = 500 * time.Microsecond

// seeTable prints when a real server enters or leaves the kernel's table, until ctx ends:
//
//	1767225600000000000 in
func seeTable(ctx context.Context, name string, out io.Writer) error {
	at := strings.LastIndexByte(name, '/')
	if at < 0 {
		return fmt.Errorf("%q is not SERVICE/SERVER", name)
	}
	key, err := ipvs.ParseKey(name[:at])
	if err != nil {
		return err
	}
	table, err := kernel.Open()
	if err != nil {
		return err
	}
	defer table.Close()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	was := false
	for {
		found, err := table.ReadServices([]ipvs.Key{key})
		if err != nil {
			return err
		}
		is := false
		if s, ok := found.Table.Service(key); ok {
			for _, server := range s.Servers {
				is = is || server.Address.String() == name[at+1:]
			}
		}
		if is != was {
			was = is
			fmt.Fprintln(out, time.Now().UnixNano(), map[bool]string{true: "in", false: "out"}[is])
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// tellTable reads a line that seeTable printed.
func tellTable(seen chan<- sight, line string) {
	stamp, what, _ := strings.Cut(line, " ")
	if ns, err := strconv.ParseInt(stamp, 10, 64); err == nil {
		seen <- sight{what == "in", time.Unix(0, ns)}
	}
}
