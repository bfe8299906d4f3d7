package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf16"
)

// JSON returns a value as indented JSON with a final newline, in which every
// character that a terminal might act upon is escaped: reasons come from the
// network.
func JSON(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	// What isn't ASCII is inside a string, where \u is allowed.
	var out bytes.Buffer
	for _, r := range b.String() {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	return out.Bytes(), nil
}

// list makes an empty list of none, because programs that read JSON expect [] and
// not null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// filled returns the status with a list in each place that has one. What it was
// called on stays as it is.
func (s Status) filled() Status {
	s.Director.Warnings = list(s.Director.Warnings)
	s.VirtualRouters = list(slices.Clone(s.VirtualRouters))
	for i := range s.VirtualRouters {
		s.VirtualRouters[i] = s.VirtualRouters[i].filled()
	}
	s.VirtualServices = list(slices.Clone(s.VirtualServices))
	for i := range s.VirtualServices {
		service := &s.VirtualServices[i]
		service.RealServers = list(slices.Clone(service.RealServers))
		for j := range service.RealServers {
			service.RealServers[j] = service.RealServers[j].filled()
		}
	}
	return s
}

func (r Router) filled() Router {
	r.Addresses, r.Penalties, r.Warnings = list(r.Addresses), list(r.Penalties), list(r.Warnings)
	if r.Adverts.Dropped == nil {
		r.Adverts.Dropped = map[string]uint64{}
	}
	return r
}

func (r Server) filled() Server {
	r.Checks = list(r.Checks)
	return r
}

func (e Explanation) filled() Explanation {
	e.Server, e.Changes = e.Server.filled(), list(e.Changes)
	return e
}

func (e RouterExplanation) filled() RouterExplanation {
	e.Router, e.Changes = e.Router.filled(), list(e.Changes)
	return e
}

func (p Plan) filled() Plan {
	return Plan{Changes: list(p.Changes), Foreign: list(p.Foreign), Notes: list(p.Notes)}
}
