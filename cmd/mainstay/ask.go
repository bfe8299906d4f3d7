package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/control"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "How does everything stand?",
		Long: `Show the whole picture: the director, what is wrong, the virtual routers, and each
virtual service with its real servers. What must not be missed stands above, each line
with WARNING.

A server with an arrow is in the kernel's table. WEIGHT is the one in the table ("out"
for a server that isn't there) and the one of the file; ACTIVE and INACTIVE are its
connections as the kernel counts them. Its states:

  starting  no verdict yet, or its program says that it isn't ready
  up        all its checks pass
  down      a check failed
  drain     no new connections; out when the last one is over
  maint     out, by the operator or by its own program

A router with an arrow has its addresses on this host. PRIORITY is the one of the file;
where tracking or standing by takes something off, the one in force stands before it. MASTER
is the address of the router that is master, this one or another. Its states:

  init      not started yet
  fault     it can't take part: WARNING says why
  backup    another router is master, or may be
  master    this host holds the addresses
  retiring  this host hands the addresses over and answers until another has them

STANDING BY is a router that failover has handed over, until failover --cancel.`,
		Example: `  mainstay status
  mainstay status --json | jq -r '.virtual_services[].real_servers[] | select(.state == "down") | .address'`,
		GroupID:           groupRunning,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := a.ask(a.socket).Status(cmd.Context())
			if err != nil {
				return err
			}
			if !asJSON {
				return a.print(status.Text())
			}
			text, err := control.JSON(status)
			if err != nil {
				return err
			}
			return a.print(string(text))
		},
	}
	a.socketFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, for programs")
	return cmd
}

func (a *app) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain SERVICE|ROUTER [SERVER]",
		Short: "Why has a server this weight, or a router this state?",
		Long: `With SERVICE and SERVER, say how a real server stands and why: what the operator
ordered, each check's last result, and the last 20 changes of its state or weight with
their causes.

With ROUTER alone, say how a virtual router stands and why: its priority and what takes
something off it, who is master, whether the addresses are on this host, its
advertisements and why others were dropped, and the last 20 changes of its state with
their causes.

SERVICE, SERVER and ROUTER are as status shows them.`,
		Example: `  mainstay explain web 192.0.2.21:80
  mainstay explain edge`,
		GroupID:           groupRunning,
		Args:              arguments,
		ValidArgsFunction: a.completeExplain,
		RunE: func(cmd *cobra.Command, args []string) error {
			daemon := a.ask(a.socket)
			if len(args) == 1 {
				explanation, err := daemon.ExplainRouter(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.print(explanation.Text())
			}
			explanation, err := daemon.Explain(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return a.print(explanation.Text())
		},
	}
	a.socketFlag(cmd)
	return cmd
}

func (a *app) reloadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the daemon read its file again",
		Long: `Have the running daemon read its file again, as SIGHUP does, and wait until it has.
What did not change keeps its state, and open connections live on. A file that is
wrong changes nothing: the old one stays in force, and its mistakes are said here, as
validate does, and in status.

Exit code 0: the file is in force; warnings are on stderr. 1: it is wrong.`,
		Example:           `  mainstay validate && mainstay reload`,
		GroupID:           groupRunning,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			warnings, err := a.ask(a.socket).Reload(cmd.Context())
			if _, refused := errors.AsType[*control.Refused](err); refused {
				a.complain(err)
				return errors.New("nothing changed: the file as it was read before stays in force")
			}
			if err != nil {
				return err
			}
			a.warn(warnings)
			return a.print("the file was read and is in force\n")
		},
	}
	a.socketFlag(cmd)
	return cmd
}
