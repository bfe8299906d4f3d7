package main

import (
	"github.com/spf13/cobra"
)

func (a *app) failoverCommand() *cobra.Command {
	var cancel bool
	cmd := &cobra.Command{
		Use:   "failover ROUTER",
		Short: "Hand a router's addresses over and stand by",
		Long: `Hand the addresses of a virtual router over to another host, now, and stand by: this
host takes them back only where no other is heard, or after --cancel. It answers until
the other has taken over, so that nothing is lost in between. Where this host is not
master, it only stands by. The order is kept over restarts of the daemon, and status
shows it.

The command waits until another router has taken over, for at most four of the
router's advert_intervals. Where none has, this one is master as before. Ending the
command earlier does not undo the order.

With --cancel the router no longer stands by. Its priority counts again: where it is
the highest, and preempt is on, the addresses come back.

ROUTER is as status shows it. Exit code 0: this router is not master, and stands by; or,
with --cancel, no longer does. 1: no router took over, or the router may not hand over
because its priority is 255.`,
		Example: `  mainstay failover edge
  mainstay failover edge --cancel`,
		GroupID:           groupRunning,
		Args:              arguments,
		ValidArgsFunction: a.completeRouter,
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := a.ask(a.socket).Failover(cmd.Context(), args[0], cancel)
			if err != nil {
				return err
			}
			return a.print(result.Text(cancel))
		},
	}
	a.socketFlag(cmd)
	cmd.Flags().BoolVar(&cancel, "cancel", false, "no longer stand by")
	return cmd
}
