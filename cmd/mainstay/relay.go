package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/signal"
	"syscall"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/monitor"
)

func (a *app) relayCommand() *cobra.Command {
	var level, format string
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "Gather heartbeats and pass them on",
		Long: `Run a relay in the foreground: gather the heartbeats of real servers, and tell all of
them to the directors that the file names, again and again. It holds no key but its own,
so that it can pass on what a server says and not make it up; it judges nothing. The
file's section relay is all that it needs, with the secret named there.

SIGTERM and SIGINT stop it. It reads its file once: restart it after a change. The log
goes to stderr.`,
		Example: `  mainstay relay --config /etc/mainstay/relay.yaml`,
		GroupID: groupDaemon,
		Args:    arguments,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(a.stderr, level, format)
			if err != nil {
				return wrong(cmd, "%v", err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			// Once it stops, signals do what they do to any program.
			defer context.AfterFunc(ctx, stop)()
			return runRelay(ctx, a.config, log)
		},
	}
	a.fileFlag(cmd)
	cmd.Flags().StringVar(&level, "log-level", "info", "the least `level` that is logged: debug, info, warn or error")
	cmd.Flags().StringVar(&format, "log-format", "text", "the `format` of the log's lines: text or json")
	must(cmd.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// runRelay runs the relay of a file until ctx is done.
func runRelay(ctx context.Context, file string, log *slog.Logger) error {
	c, err := readFile(file)
	if err != nil {
		return err
	}
	r := c.Relay
	if r == nil {
		return fmt.Errorf("%s has no relay (want the section relay, with an id and the directors)", file)
	}
	directors := make([]string, len(r.Directors))
	for i, d := range r.Directors {
		directors[i] = d.String()
	}
	relay, err := monitor.NewRelay(monitor.RelayOptions{
		ID: r.ID, Key: r.Key, Cadence: r.Cadence, Directors: directors, Logger: log,
	})
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	socket, err := listen.ListenPacket(ctx, "udp", r.Listen.String())
	if err != nil {
		return fmt.Errorf("relay.listen: %w", err)
	}
	log.Info("relay started", "id", r.ID, "listen", socket.LocalAddr(), "cadence", r.Cadence, "directors", directors, "signed", r.Key != nil)
	tellSystemd(systemd.SdNotifyReady)
	err = relay.Serve(ctx, socket)
	tellSystemd(systemd.SdNotifyStopping)
	s := relay.Stats()
	log.Info("relay stopped", "children", s.Children, "received", s.Received, "dropped", dropsOf(s), "rounds", s.Rounds, "sent", s.Sent)
	return err
}

// tellSystemd tells systemd of a change, if it is there: a program that was started
// otherwise has nobody to tell.
func tellSystemd(state string) { _, _ = systemd.SdNotify(false, state) }

// dropsOf are the reasons for which anything was dropped, with their numbers.
func dropsOf(s monitor.RelayStats) map[string]uint64 {
	drops := make(map[string]uint64)
	for reason, n := range s.Dropped {
		if n > 0 {
			drops[reason] = n
		}
	}
	return drops
}

// readFile reads the configuration file; the error has a line for each mistake.
func readFile(file string) (*config.Config, error) {
	c, problems := config.Load(file)
	if c != nil {
		return c, nil
	}
	refused := &control.Refused{}
	for _, p := range problems.Errors {
		refused.Lines = append(refused.Lines, p.String())
	}
	return nil, refused
}
