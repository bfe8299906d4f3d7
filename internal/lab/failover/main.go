// Command failover measures how long a client is not served when the master of a virtual
// router goes: Mainstay beside keepalived, in one run. It is what make bench-failover
// runs, and wants root and what make build builds.
//
// A client asks the virtual address each millisecond, and a third host, which never
// fails, at the same time: what that one is late by is the machine's, and is taken off.
// Nothing is judged.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

func main() {
	runs := flag.Int("runs", 20, "how often each event is measured")
	pattern := flag.String("rows", "", "only rows whose names, such as cable/100ms/mainstay/keepalived, match this expression")
	flag.Parse()
	if err := bench(*runs, *pattern); err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
}

func bench(runs int, pattern string) error {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	if runs < 1 {
		return fmt.Errorf("runs: %d, want at least 1", runs)
	}
	chosen := choose(wanted)
	if len(chosen) == 0 {
		return fmt.Errorf("rows: none matches %s", wanted)
	}
	var estimate time.Duration
	for _, s := range chosen {
		estimate += s.estimate() * time.Duration(runs)
	}
	printHeader(runs, estimate)
	var noise time.Duration
	broken := 0
	for _, s := range chosen {
		var results []*sample
		err := pair.Play(func(t lab.T) { results = measure(t, s, runs) })
		if errors.Is(err, pair.ErrInterrupted) {
			return err
		}
		if err != nil {
			broken++
			fmt.Printf("%-40s broke: %v\n", s.row(s.events[0].name), err)
			continue
		}
		for i, r := range results {
			noise = max(noise, r.noise)
			if name := s.row(s.events[i].name); wanted.MatchString(name) {
				printRow(name, r, s.theory(s.events[i]))
			}
		}
	}
	fmt.Printf("\nThe machine's noise: the third host's answers were late by at most %s.\n", milliseconds(noise))
	if broken > 0 {
		return fmt.Errorf("%d of %d series of rows broke", broken, len(chosen))
	}
	return nil
}
