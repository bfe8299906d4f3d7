package control

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// String returns the order as an operator gives it: drain, or weight 5.
func (o Override) String() string {
	if o.State != "" {
		return o.State
	}
	return "weight " + o.Weight
}

// Validate returns an error unless exactly one field is set, to a word or a weight
// that exists.
func (o Override) Validate() error {
	switch {
	case (o.State == "") == (o.Weight == ""):
		return errors.New(`an override has either a state or a weight: {"state": "drain"} or {"weight": "10"}`)
	case o.State != "":
		return validState(o.State)
	default:
		return validWeight(o.Weight)
	}
}

func validState(state string) error {
	switch state {
	case "drain", "maint", "enable":
		return nil
	}
	return fmt.Errorf("there is no state %q: it is drain, maint or enable", state)
}

func validWeight(weight string) error {
	if weight == "auto" {
		return nil
	}
	// Only the plain form, so that what is saved and shown is what was said.
	n, err := strconv.ParseUint(weight, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != weight {
		return fmt.Errorf("%q is not a weight: it is a number from 0 to 65535, or auto for the configured one", weight)
	}
	return nil
}

// maxName is more than the longest name of a service or a virtual router, or address
// of a server.
const maxName = 128

// checkNames refuses what can't be the name of a service and the address of one of
// its servers, and what has a meaning of its own in a path. Whether there are such
// is the Backend's to say.
func checkNames(service, server string) error {
	if err := checkName("service", service); err != nil {
		return err
	}
	if err := checkName("server", server); err != nil {
		return err
	}
	if strings.Contains(server, "%") {
		return fmt.Errorf("the server %q has a zone: name it as mainstay status does, without %%", server)
	}
	return nil
}

// checkRouter is the same for the name of a virtual router.
func checkRouter(router string) error { return checkName("router", router) }

func checkName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the %s is missing: name it as mainstay status does", what)
	case len(name) > maxName:
		return fmt.Errorf("the name of the %s has %d bytes: %d at most", what, len(name), maxName)
	case name == ".", name == "..", strings.ContainsFunc(name, func(r rune) bool { return r == '/' || !unicode.IsPrint(r) }):
		return fmt.Errorf("there is no %s %q: name it as mainstay status does", what, name)
	}
	return nil
}
