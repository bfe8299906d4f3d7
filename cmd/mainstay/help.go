package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// usageTemplate is what --help shows after a command's long text: its words, its
// commands by group, examples and flags.
const usageTemplate = `Usage: {{.UseLine}}
{{- if .HasAvailableSubCommands}}{{$all := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $all}}{{if and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}
{{- end}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableSubCommands}}

More about each: {{if .HasParent}}{{.Parent.CommandPath}} {{end}}{{.Use}} --help{{end}}
`

// helpCommand is `mainstay help`, which fails where there is no such command.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Explain a command",
		Long:    "Explain a command, as COMMAND --help does, or name all commands.",
		GroupID: groupHelp,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			topic, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return root.Args(root, rest)
			}
			topic.InitDefaultHelpFlag()
			topic.InitDefaultVersionFlag()
			return topic.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if len(args) == 0 {
				for _, c := range cmd.Root().Commands() {
					if c.IsAvailableCommand() {
						names = append(names, c.Name()+"\t"+c.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// completeShells adds cobra's completion command, which wants the name of a shell.
func completeShells(root *cobra.Command) {
	root.SetCompletionCommandGroupID(groupHelp)
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	must(err)
	completion.Use, completion.Short = "completion SHELL", "Write a script that completes commands in a shell"
	completion.Long = `Write a script that completes mainstay's commands, and the names of services, servers
and routers that the running daemon knows, in bash, zsh, fish or PowerShell. How a shell
is told to use it says mainstay completion SHELL --help.`
	completion.AddGroup(&cobra.Group{ID: "shells", Title: "Shells:"})
	var shells []string
	for _, shell := range completion.Commands() {
		shell.GroupID, shell.Args = "shells", arguments
		shells = append(shells, shell.Name())
	}
	completion.Args = cobra.ArbitraryArgs
	completion.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return wrong(cmd, "SHELL is missing: %s", strings.Join(shells, ", "))
		}
		return wrong(cmd, "there is no completion for %q: want %s", args[0], strings.Join(shells, ", "))
	}
}
