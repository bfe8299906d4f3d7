package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/conformance"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/monitor"
)

// monitorTest is the flags of mainstay monitor-test.
type monitorTest struct {
	conformance.Options
	secretFile, keyFile, heartbeats string
}

func (a *app) monitorTestCommand() *cobra.Command {
	var m monitorTest
	cmd := &cobra.Command{
		Use:   "monitor-test ADDRESS",
		Short: "Does a program's monitor do as the specification says?",
		Long: `Connect to the monitor of a program, whatever it is written in, and hold what it does
against the specification of the monitor protocols, docs/monitor-protocol.md. Each line
of the output is one thing that was tried, with the clause that demands it:

  ok    2.3   it does as the clause says
  FAIL  3.3   it does not: what was sent, what was read, what was wanted
  note  5.1   it does not what it should, which may be your choice
  skip  3.7   not tried, because something failed on which it rests

ADDRESS is the monitor's address:port. With a secret, --secret-file is the program's.
With heartbeats, let the program send them to --heartbeat-listen, an address:port of this
host, and give the file with the key of its id.

It asks the program about itself and stops nothing; but it opens a hundred connections,
sends what is malformed, and floods it with polls, so try a program that serves nobody.
It takes some 20 seconds, with --long some minutes, and more where much is wrong.

Exit code 0: all that it must, the program does. 2: something failed. 1: it could not be
tried.`,
		Example: `  mainstay monitor-test 192.0.2.21:9651 --service bastion
  mainstay monitor-test 192.0.2.21:9651 --service bastion --secret-file /etc/mainstay/fleet.key
  mainstay monitor-test 127.0.0.1:9651 --service tally --heartbeat-listen 127.0.0.1:9652 --heartbeat-id rs-1 --heartbeat-key-file rs-1.key`,
		GroupID:           groupFile,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			m.Address = args[0]
			if err := m.check(cmd); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return a.monitorTest(ctx, m)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&m.Service, "service", "", "the `service` that the program has")
	flags.StringVar(&m.secretFile, "secret-file", "", "the `file` with the program's secret")
	flags.StringVar(&m.Target, "target", "", "the `address:port` that requests give as their target (default ADDRESS)")
	flags.StringVar(&m.heartbeats, "heartbeat-listen", "", "the `address:port` here to which the program sends heartbeats")
	flags.StringVar(&m.HeartbeatID, "heartbeat-id", "", "the `id` under which it sends them")
	flags.StringVar(&m.keyFile, "heartbeat-key-file", "", "the `file` with the key of that id")
	flags.BoolVar(&m.PollOnly, "poll-only", false, "leave out watches, for a program that has none")
	flags.BoolVar(&m.Long, "long", false, "try as well what takes a minute or more")
	for _, name := range []string{"service", "target", "heartbeat-listen", "heartbeat-id"} {
		must(cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions))
	}
	return cmd
}

// check refuses flags that don't fit together.
func (m *monitorTest) check(cmd *cobra.Command) error {
	if _, _, err := net.SplitHostPort(m.Address); err != nil {
		return wrong(cmd, "%q is not address:port", m.Address)
	}
	if m.Service == "" {
		return wrong(cmd, "--service is missing: a service that the program has")
	}
	if m.heartbeats == "" && (m.HeartbeatID != "" || m.keyFile != "") {
		return wrong(cmd, "--heartbeat-listen is missing: where the program sends its heartbeats")
	}
	return nil
}

// monitorTest tries the program and prints what comes of it.
func (a *app) monitorTest(ctx context.Context, m monitorTest) error {
	var err error
	if m.secretFile != "" {
		if m.Secret, err = monitor.ReadSecretFile(m.secretFile); err != nil {
			return err
		}
	}
	if m.keyFile != "" {
		if m.HeartbeatKey, err = monitor.ReadKeyFile(m.keyFile); err != nil {
			return err
		}
	}
	if m.heartbeats != "" {
		if m.Heartbeats, err = net.ListenPacket("udp", m.heartbeats); err != nil {
			return fmt.Errorf("listen for heartbeats: %w", err)
		}
		defer m.Heartbeats.Close()
	}
	count := make(map[conformance.Verdict]int)
	var lost error // of the output
	err = conformance.Run(ctx, m.Options, func(r conformance.Result) {
		count[r.Verdict]++
		if e := a.print(resultText(r)); e != nil && lost == nil {
			lost = e
		}
	})
	if err != nil {
		return err
	}
	if lost == nil {
		lost = a.print(fmt.Sprintf("%d ok, %d failed, %d notes, %d not tried\n",
			count[conformance.OK], count[conformance.Failed], count[conformance.Advised], count[conformance.Skipped]))
	}
	if lost == nil && count[conformance.Failed] > 0 {
		return found{}
	}
	return lost
}

// resultText is one line of the output.
func resultText(r conformance.Result) string {
	word := map[conformance.Verdict]string{
		conformance.OK: "ok", conformance.Failed: "FAIL", conformance.Advised: "note", conformance.Skipped: "skip",
	}[r.Verdict]
	text := fmt.Sprintf("%-5s %-5s %s", word, r.Clause, r.Title)
	if r.Why != "" {
		text += ": " + r.Why
	}
	return strings.TrimRight(control.Plain(text), " ") + "\n"
}
