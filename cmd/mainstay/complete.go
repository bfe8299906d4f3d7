package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/control"
)

// completeTimeout is how long a shell waits for the daemon's names.
const completeTimeout = 2 * time.Second

// completeServer completes SERVICE and SERVER with the names that the running
// daemon knows, and a weight with its one word.
func (a *app) completeServer(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) < 2:
		return serverNames(a.known(cmd), args), cobra.ShellCompDirectiveNoFileComp
	case len(args) == 2 && cmd.Name() == "weight":
		return []string{"auto\tthe weight of the file"}, cobra.ShellCompDirectiveNoFileComp
	default:
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeRouter completes ROUTER.
func (a *app) completeRouter(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return routerNames(a.known(cmd)), cobra.ShellCompDirectiveNoFileComp
}

// completeExplain completes SERVICE and SERVER, or ROUTER.
func (a *app) completeExplain(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	status := a.known(cmd)
	names := serverNames(status, args)
	if len(args) == 0 {
		names = append(names, routerNames(status)...)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// known is what the running daemon knows. Where none runs there are no names, and a
// shell has no place for the reason.
func (a *app) known(cmd *cobra.Command) control.Status {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	status, err := a.ask(a.socket).Status(ctx)
	if err != nil {
		return control.Status{}
	}
	return status
}

// serverNames are the services, or the servers of the one that is named already.
func serverNames(status control.Status, args []string) []string {
	var names []string
	for _, v := range status.VirtualServices {
		if len(args) == 0 {
			names = append(names, control.Plain(v.Name)+"\t"+control.Plain(v.Address))
			continue
		}
		for _, r := range v.RealServers {
			if v.Name == args[0] {
				names = append(names, control.Plain(r.Address)+"\t"+control.Plain(r.State))
			}
		}
	}
	return names
}

func routerNames(status control.Status) []string {
	var names []string
	for _, r := range status.VirtualRouters {
		names = append(names, control.Plain(r.Name)+"\t"+control.Plain(r.State))
	}
	return names
}
