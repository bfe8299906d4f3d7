package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/control"
)

func (a *app) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Is the file right?",
		Long: `Read the file as the daemon would, and say all that is wrong with it, one mistake a
line on stderr, as file:line:column: key: what is wrong (what is wanted). It asks no
daemon and changes nothing.

What is allowed but probably not meant, in the file or in this host's sysctls, is a
warning on stderr.

Exit code 0: the file is right, warnings or not. 1: it is wrong.`,
		Example: `  mainstay validate
  mainstay validate --config new.yaml`,
		GroupID:           groupFile,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			summary, problems, warnings := a.validate(a.config)
			a.warn(warnings)
			if len(problems) > 0 {
				return &control.Refused{Lines: problems}
			}
			return a.print(control.Plain(summary) + "\n")
		},
	}
	a.fileFlag(cmd)
	return cmd
}

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "What would the file change in this kernel?",
		Long: `Compare the table that the file wants with the one that the kernel holds, and show
the difference as the ipvsadm commands that would make it: + adds, ~ edits, - deletes.
Lines that begin with # are notes. It changes nothing.

A running daemon is asked for the verdicts of its checks, and reads the file itself,
so the file must be readable for its user. Where none runs, every check is taken to
pass, with the saved overrides, and a note says so; that needs the right to read the
kernel's table (root).

Exit code 0: no changes. 2: some. 1: the file is wrong, or the table can't be read.`,
		Example: `  mainstay plan
  mainstay plan --config new.yaml`,
		GroupID:           groupFile,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := a.planAnywhere(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.print(plan.Text()); err != nil {
				return err
			}
			if len(plan.Changes) > 0 {
				return found{}
			}
			return nil
		},
	}
	a.fileFlag(cmd)
	a.socketFlag(cmd)
	return cmd
}

// planAnywhere asks the daemon, and does without it where there is none.
func (a *app) planAnywhere(ctx context.Context) (control.Plan, error) {
	// The daemon's folder is another.
	file, err := filepath.Abs(a.config)
	if err != nil {
		return control.Plan{}, fmt.Errorf("the file %s: %w", a.config, err)
	}
	plan, err := a.ask(a.socket).Plan(ctx, file)
	if errors.Is(err, control.ErrNoDaemon) {
		return a.plan(ctx, file)
	}
	return plan, err
}

func (a *app) probeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "probe SERVICE [SERVER]",
		Short: "Run a service's checks once, now",
		Long: `Run each check of a virtual service's real servers once, now, from here, and show
what was sent, what was read, and what was judged of it. SERVICE is its name in the
file; SERVER is one server's address, and all are probed without it.

It needs no daemon and disturbs none: a probe counts for nothing. A check that runs a
command runs it as you, or as the file's director.command_user where you are root.

Exit code 0: all checks passed. 2: any failed. 1: they could not be run.`,
		Example: `  mainstay probe web
  mainstay probe web 192.0.2.21:80`,
		GroupID:           groupFile,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			probes, err := a.probe(cmd.Context(), a.config, args[0], append(args, "")[1])
			if err != nil {
				return err
			}
			if err := a.print(control.ProbesText(probes)); err != nil {
				return err
			}
			if slices.ContainsFunc(probes, func(p control.Probe) bool { return !p.OK }) {
				return found{}
			}
			return nil
		},
	}
	a.fileFlag(cmd)
	return cmd
}
