package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

func (a *app) secretCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "secret COMMAND",
		Short:   "Make keys of a secret",
		Long:    "Make keys of a secret, for those who must not have the secret itself.",
		GroupID: groupFile,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return wrong(cmd, "there is no command %q: want derive", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return wrong(cmd, "COMMAND is missing: derive") },
	}
	cmd.AddGroup(&cobra.Group{ID: cmd.Name(), Title: "Commands:"})
	derive := a.deriveCommand()
	derive.GroupID = cmd.Name()
	cmd.AddCommand(derive)
	return cmd
}

func (a *app) deriveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "derive SECRET ID",
		Short: "Make the key of one sender",
		Long: `Print the key of the sender of heartbeats, or of the relay, with that ID: 64 hexadecimal
digits. It is derived from the SECRET, which stays with the directors: they derive each
key for themselves. Whoever has a key can speak for its ID and for no other.

SECRET is the name of one in the file, of which the first file counts; or, where there is a /
in it, the path of a secret's file. ID is what the sender calls itself: for a real server
its address and port as the check has them, for a relay its id. An address and port that no
heartbeat check of the file waits for is a warning, where SECRET is a name.

The key belongs into a file that nobody but the sender can read.`,
		Example: `  (umask 077; mainstay secret derive fleet 192.0.2.21:2222 >heartbeat.key)
  (umask 077; mainstay secret derive /etc/mainstay/fleet.key rack7 >rack7.key)`,
		Args:              arguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !config.ValidID(args[1]) {
				return wrong(cmd, "%q is no ID: want 1 to 128 of A-Z a-z 0-9 . _ : / + - [ ]", args[1])
			}
			secret, warnings, err := a.secret(args[0], args[1])
			if err != nil {
				return err
			}
			a.warn(warnings)
			return a.print(wire.FormatKey(wire.DeriveKey(secret, args[1])) + "\n")
		},
	}
	a.fileFlag(cmd)
	return cmd
}

// secret finds the secret that signs for an id: by its name in the file, or in a file of its own.
func (a *app) secret(name, id string) (secret []byte, warnings []string, err error) {
	if strings.Contains(name, "/") {
		secret, err = config.ReadSecret(name)
		return secret, nil, err
	}
	c, err := readFile(a.config)
	if err != nil {
		return nil, nil, err
	}
	if files := c.Secrets[name]; len(files) > 0 {
		if why := unawaited(c, files[0], id); why != "" {
			warnings = []string{a.config + why}
		}
		return files[0], warnings, nil
	}
	if len(c.Secrets) == 0 {
		return nil, nil, fmt.Errorf("%s has no secret named %q, nor any other (want it under secrets)", a.config, name)
	}
	return nil, nil, fmt.Errorf("%s has no secret named %q (want one of %s)", a.config, name,
		strings.Join(slices.Sorted(maps.Keys(c.Secrets)), ", "))
}

// unawaited says, to be put behind the file's name, that no check of it waits for heartbeats
// from the real server that an id names, or none for such as this secret signs. Of other
// ids, which may be relays', nothing is known.
func unawaited(c *config.Config, secret []byte, id string) string {
	if _, err := netip.ParseAddrPort(id); err != nil || c.Relay != nil && c.Relay.ID == id {
		return ""
	}
	why := fmt.Sprintf(": no heartbeat check waits for the id %s (want it as mainstay explain shows the real server)", id)
	for h := range c.Heartbeats() {
		switch {
		case h.ID != id:
		case slices.ContainsFunc(h.Secrets, func(s []byte) bool { return bytes.Equal(s, secret) }):
			return ""
		case len(h.Secrets) == 0:
			why = fmt.Sprintf(": the heartbeat check that waits for the id %s has no secret", id)
		default:
			why = fmt.Sprintf(": the heartbeat check that waits for the id %s has another secret", id)
		}
	}
	return why
}
