package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// misuse is a command line that can't be understood.
type misuse struct {
	command *cobra.Command
	text    string
}

// Error returns the sentence with the hint where to read more.
func (m *misuse) Error() string {
	return fmt.Sprintf("%s (see %s --help)", m.text, m.command.CommandPath())
}

func wrong(cmd *cobra.Command, format string, args ...any) error {
	return &misuse{command: cmd, text: fmt.Sprintf(format, args...)}
}

// noSuchCommand refuses arguments of the root: they would be a command.
func (a *app) noSuchCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	root.SuggestionsMinimumDistance = 2
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return wrong(root, "%s", text)
}

// flagError is a flag that can't be understood. Behind a command that doesn't
// exist, the command is the mistake.
func flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); !cmd.HasParent() && len(args) > 0 {
		return cmd.Args(cmd, args)
	}
	return wrong(cmd, "%v", err)
}

// flagsFit refuses a flag before the command that the command has no use for.
func flagsFit(cmd *cobra.Command, _ []string) error {
	var err error
	cmd.Root().Flags().Visit(func(f *pflag.Flag) {
		if cmd.Flags().Lookup(f.Name) == nil && err == nil {
			err = wrong(cmd, "%s has no use for --%s", cmd.CommandPath(), f.Name)
		}
	})
	return err
}

// arguments wants those of the command's usage line, of which the last in square
// brackets may be left out.
func arguments(cmd *cobra.Command, args []string) error {
	_, usage, _ := strings.Cut(cmd.Use, " ")
	names := strings.Fields(usage)
	least := 0
	for _, n := range names {
		if !strings.HasPrefix(n, "[") {
			least++
		}
	}
	line := strings.TrimSuffix(cmd.UseLine(), " [flags]")
	switch {
	case len(args) < least:
		return wrong(cmd, "%s is missing: %s", names[len(args)], line)
	case len(args) > len(names):
		return wrong(cmd, "%q is one argument too many: %s", args[len(names)], line)
	}
	return nil
}
