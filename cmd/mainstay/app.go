package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/daemon"
)

// app is the commands, and what they are wired to.
type app struct {
	version        string
	stdout, stderr io.Writer

	// The daemon, and what is done without one.
	run      func(context.Context, daemon.Options) error
	validate func(file string) (summary string, problems, warnings []string)
	plan     func(ctx context.Context, file string) (control.Plan, error)
	probe    func(ctx context.Context, file, service, server string) ([]control.Probe, error)
	// The daemon that runs already.
	ask func(socket string) control.Backend

	// Flags.
	config, socket string
}

// The exit codes, besides 0: done.
const (
	exitWrong    = 1 // and a message on stderr
	exitFound    = 2 // plan: there are changes; probe: a check failed
	exitNoDaemon = 3
)

// found is the error of a command that did its work and found something. It has
// nothing to say beyond its output.
type found struct{}

// Error says what the exit code says.
func (found) Error() string { return "something was found" }

// main runs the command that the arguments name and returns the exit code.
func (a *app) main(args []string) int {
	root := a.root()
	root.SetArgs(args)
	at, err := root.ExecuteContextC(context.Background())
	switch {
	case err == nil:
		return 0
	case errors.Is(err, found{}):
		return exitFound
	}
	// What cobra itself finds wrong, before a command is found, is wrong use.
	if _, ok := errors.AsType[*misuse](err); !ok && at == root {
		err = &misuse{command: root, text: err.Error()}
	}
	a.complain(err)
	if errors.Is(err, control.ErrNoDaemon) {
		return exitNoDaemon
	}
	return exitWrong
}

// complain writes an error to stderr. The lines of a wrong file stand alone, so
// that editors find their places.
func (a *app) complain(err error) {
	if refused, ok := errors.AsType[*control.Refused](err); ok {
		for _, line := range refused.Lines {
			fmt.Fprintln(a.stderr, control.Plain(line))
		}
		return
	}
	fmt.Fprintf(a.stderr, "mainstay: %s\n", control.Plain(err.Error()))
}

// print writes a command's output, all at once and only when it was done.
func (a *app) print(text string) error {
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

// warn writes warnings to stderr.
func (a *app) warn(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(a.stderr, "warning: %s\n", control.Plain(w))
	}
}

// The groups of commands.
const (
	groupDaemon  = "daemon"
	groupFile    = "file"
	groupRunning = "running"
	groupHelp    = "help"
)

// root returns the command that has all others.
func (a *app) root() *cobra.Command {
	cobra.EnableCommandSorting = false // they are in an order of use
	root := &cobra.Command{
		Use:   "mainstay COMMAND",
		Short: "Keep a Linux Virtual Server up",
		Long: `Mainstay keeps a Linux Virtual Server up. It runs on each director, asks every
real server whether it really works, and writes the kernel's IPVS table: a server
that fails leaves it, one that recovers comes back. The virtual addresses it holds
with VRRP: when a director fails, another takes them over.

Exit codes: 0 done; 1 wrong, with a message on stderr and nothing on stdout;
2 plan found changes, or probe or monitor-test what failed; 3 no daemon listens there.`,
		Version:          a.version,
		SilenceErrors:    true,
		SilenceUsage:     true,
		TraverseChildren: true, // --config and --socket may stand before the command
		Args:             a.noSuchCommand,
		RunE:             func(cmd *cobra.Command, _ []string) error { return wrong(cmd, "a command is missing") },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetVersionTemplate("mainstay {{.Version}}\n")
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = flagsFit
	a.fileFlag(root)
	a.socketFlag(root)

	root.AddGroup(
		&cobra.Group{ID: groupDaemon, Title: "The daemon:"},
		&cobra.Group{ID: groupFile, Title: "The file:"},
		&cobra.Group{ID: groupRunning, Title: "The running daemon:"},
		&cobra.Group{ID: groupHelp, Title: "Help:"},
	)
	root.AddCommand(
		a.runCommand(), a.relayCommand(),
		a.validateCommand(), a.planCommand(), a.probeCommand(), a.secretCommand(),
		a.monitorTestCommand(),
		a.statusCommand(), a.explainCommand(),
		a.drainCommand(), a.maintCommand(), a.enableCommand(), a.weightCommand(),
		a.failoverCommand(),
		a.reloadCommand(),
		a.versionCommand(),
	)
	root.SetHelpCommand(helpCommand())
	completeShells(root)
	return root
}

// fileFlag gives a command that reads the file its flag.
func (a *app) fileFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.config, "config", "/etc/mainstay/mainstay.yaml", "the configuration `file`")
	must(cmd.MarkFlagFilename("config", "yaml", "yml"))
}

// socketFlag gives a command that asks the daemon its flag.
func (a *app) socketFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.socket, "socket", "/run/mainstay/control.sock", "the running daemon's control `socket`")
	must(cmd.MarkFlagFilename("socket", "sock"))
}

// must is for what only a mistake in this program can make fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
