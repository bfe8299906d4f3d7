package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/control"
)

func (a *app) drainCommand() *cobra.Command {
	return a.orderCommand(&cobra.Command{
		Use:   "drain SERVICE SERVER",
		Short: "Let a server's connections end, then take it out",
		Long: `Give a real server no new connections, and take it out of the table when its open
ones are over or the service's drain_timeout has passed. It stays out until enable.
The order is kept over restarts of the daemon.`,
		Example: `  mainstay drain web 192.0.2.21:80`,
	}, stateOrder("drain"))
}

func (a *app) maintCommand() *cobra.Command {
	return a.orderCommand(&cobra.Command{
		Use:   "maint SERVICE SERVER",
		Short: "Take a server out at once",
		Long: `Take a real server out of the table at once, for maintenance. Its open connections
break: drain waits for them. It stays out until enable. The order is kept over
restarts of the daemon.`,
		Example: `  mainstay maint web 192.0.2.21:80`,
	}, stateOrder("maint"))
}

func (a *app) enableCommand() *cobra.Command {
	return a.orderCommand(&cobra.Command{
		Use:   "enable SERVICE SERVER",
		Short: "End drain or maint",
		Long: `End what drain or maint ordered: the real server stands again as its checks say. What
its own program asks for, and a weight that was ordered, stay as they are.`,
		Example: `  mainstay enable web 192.0.2.21:80`,
	}, stateOrder("enable"))
}

func (a *app) weightCommand() *cobra.Command {
	return a.orderCommand(&cobra.Command{
		Use:   "weight SERVICE SERVER N|auto",
		Short: "Give a server another weight than the file's",
		Long: `Give a real server another weight than the file's, from 0 to 65535; auto is the
file's again. Percentages that its checks report apply to it as to the file's. The
order is kept over restarts of the daemon.`,
		Example: `  mainstay weight web 192.0.2.21:80 50
  mainstay weight web 192.0.2.21:80 auto`,
	}, func(args []string) control.Override { return control.Override{Weight: args[2]} })
}

func stateOrder(state string) func([]string) control.Override {
	return func([]string) control.Override { return control.Override{State: state} }
}

// orderCommand completes a command that gives an order to a server.
func (a *app) orderCommand(cmd *cobra.Command, order func(args []string) control.Override) *cobra.Command {
	cmd.Long += `

SERVICE and SERVER are as status shows them. The order is taken when this command
ends; explain shows what comes of it.`
	cmd.GroupID = groupRunning
	cmd.ValidArgsFunction = a.completeServer
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := arguments(cmd, args); err != nil {
			return err
		}
		if err := order(args).Validate(); err != nil {
			return wrong(cmd, "%v", err)
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, server := args[0], args[1]
		if err := a.ask(a.socket).Override(cmd.Context(), service, server, order(args)); err != nil {
			return err
		}
		return a.print(fmt.Sprintf("%s %s: %s\n", service, server, order(args)))
	}
	a.socketFlag(cmd)
	return cmd
}
