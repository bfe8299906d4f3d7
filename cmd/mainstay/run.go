package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/daemon"
)

func (a *app) runCommand() *cobra.Command {
	var observe bool
	var level, format string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: `Run the daemon in the foreground: check the real servers of the file, keep the
kernel's IPVS table as it should be, and hold the virtual addresses with VRRP. systemd
starts it so; by hand it is for tries.

With --observe it checks and decides, and logs what it would do, but writes nothing:
no table, no state, no address, and it sends no advertisements. Its control socket
answers all the same, so that status and explain show what it would have decided. Use
it to try a new file, or Mainstay itself, beside what runs today; give it a control
socket of its own in the file.

SIGHUP reads the file again, as reload does. SIGTERM and SIGINT stop the daemon: its
routers hand over; what then becomes of the table says director.on_stop in the file. A
second SIGINT ends it at once. The log goes to stderr.`,
		Example: `  mainstay run
  mainstay run --observe --config new.yaml --log-level debug`,
		GroupID:           groupDaemon,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(a.stderr, level, format)
			if err != nil {
				return wrong(cmd, "%v", err)
			}
			file, err := filepath.Abs(a.config)
			if err != nil {
				return fmt.Errorf("the file %s: %w", a.config, err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			// Once it stops, signals do what they do to any program.
			defer context.AfterFunc(ctx, stop)()
			return a.run(ctx, daemon.Options{ConfigFile: file, Observe: observe, Version: a.version, Logger: log})
		},
	}
	a.fileFlag(cmd)
	cmd.Flags().BoolVar(&observe, "observe", false, "check and decide, log what would be done, write nothing")
	cmd.Flags().StringVar(&level, "log-level", "info", "the least `level` that is logged: debug, info, warn or error")
	cmd.Flags().StringVar(&format, "log-format", "text", "the `format` of the log's lines: text or json")
	must(cmd.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// newLogger returns the daemon's logger.
func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	least, ok := levels[level]
	if !ok {
		return nil, fmt.Errorf("--log-level is %q: want debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("--log-format is %q: want text or json", format)
}
