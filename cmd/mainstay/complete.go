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
	const directive = cobra.ShellCompDirectiveNoFileComp
	if len(args) >= 2 {
		if len(args) == 2 && cmd.Name() == "weight" {
			return []string{"auto\tthe weight of the file"}, directive
		}
		return nil, directive
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	status, err := a.ask(a.socket).Status(ctx)
	if err != nil {
		return nil, directive // no daemon, no names; a shell has no place for the reason
	}
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
	return names, directive
}
