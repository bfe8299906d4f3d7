package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Which version is this?",
		Long:              "Show the version of this program. The running daemon's is in status.",
		GroupID:           groupHelp,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			return a.print(fmt.Sprintf("mainstay %s (%s %s/%s)\n", a.version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
		},
	}
}
