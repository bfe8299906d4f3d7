package checker

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// message is the whole request.
func (o HTTP) message(target netip.AddrPort) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", o.Method, o.Path, o.host(target))
	if !slices.ContainsFunc(o.Headers, func(h Header) bool { return strings.EqualFold(h.Name, "User-Agent") }) {
		b.WriteString("User-Agent: mainstay\r\n")
	}
	for _, h := range o.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	switch o.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch: // RFC 9110, section 8.6
		b.WriteString("Content-Length: 0\r\n")
	}
	b.WriteString("Connection: close\r\n\r\n")
	return []byte(b.String())
}

// host is what the header Host says. RFC 9112, section 3.2: the scheme's own port is
// left out.
func (o HTTP) host(target netip.AddrPort) string {
	if o.Host != "" {
		return o.Host
	}
	usual := uint16(80)
	if o.TLS != nil {
		usual = 443
	}
	target = netip.AddrPortFrom(target.Addr().Unmap().WithZone(""), target.Port())
	if target.Port() == usual {
		return strings.TrimSuffix(target.String(), fmt.Sprintf(":%d", usual))
	}
	return target.String()
}

// ownHeaders are set by the check itself.
var ownHeaders = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding"}

// validate says what keeps the options from being a request and what is wanted of
// its answer.
func (o HTTP) validate() error {
	switch {
	case !isToken(o.Method):
		return fmt.Errorf("the method %q is not a word such as GET", o.Method)
	case o.Method == http.MethodConnect || o.Method == http.MethodTrace:
		return fmt.Errorf("the method %s is no way to check a server: use GET or HEAD", o.Method)
	case o.Method == http.MethodHead && o.Body != nil:
		return errors.New("an answer to HEAD has no body to search: use GET")
	case !strings.HasPrefix(o.Path, "/") && (o.Method != http.MethodOptions || o.Path != "*"):
		return fmt.Errorf("the path %q does not begin with /", o.Path)
	case !isVisible(o.Path):
		return fmt.Errorf("the path %q has characters that must be written as %%xx", o.Path)
	case !isVisible(o.Host):
		return fmt.Errorf("the host %q has characters that no host's name has", o.Host)
	case len(o.Status) == 0:
		return errors.New("no status is right: name one at least")
	case o.TLS != nil && slices.Contains(o.TLS.ALPN, "h2"):
		return errors.New("the check speaks HTTP/1.1: it can't offer h2 in ALPN")
	}
	for _, h := range o.Headers {
		if err := h.validate(); err != nil {
			return err
		}
	}
	for _, r := range o.Status {
		if r.From < 100 || r.From > r.To || r.To > 599 {
			return fmt.Errorf("the status %s is no code or range of codes within 100-599", ranges([]StatusRange{r}))
		}
	}
	return nil
}

func (h Header) validate() error {
	switch {
	case !isToken(h.Name):
		return fmt.Errorf("the header %q has characters that no header's name has", h.Name)
	case slices.ContainsFunc(ownHeaders, func(own string) bool { return strings.EqualFold(own, h.Name) }):
		return fmt.Errorf("the header %s is set by the check itself", h.Name)
	case strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return fmt.Errorf("the value of the header %s has control characters", h.Name)
	}
	return nil
}

// isToken tells whether s is a token, RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// isVisible tells whether s is ASCII without spaces and control characters.
func isVisible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
