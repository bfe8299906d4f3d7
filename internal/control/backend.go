package control

import "context"

// Backend is what the control socket asks of the daemon. Its errors are sentences
// for the caller.
type Backend interface {
	// Status returns the whole picture.
	Status(ctx context.Context) (Status, error)
	// Explain returns what is known of one server. It fails with [ErrNotFound]
	// when there is no such service or server.
	Explain(ctx context.Context, service, server string) (Explanation, error)
	// ExplainRouter returns what is known of one virtual router. It fails with
	// [ErrNotFound] when there is none of that name.
	ExplainRouter(ctx context.Context, router string) (RouterExplanation, error)
	// Failover hands a router's addresses over to another host and has the router stand
	// by, or, with cancel, has it no longer stand by. It returns when another router has
	// taken over, at once where this one is not master and with cancel, and says how the
	// router stands then. It fails with [ErrNotFound] when there is no such router, and
	// with a sentence when no router took over: then nothing has changed. It may take
	// four advertisement intervals, which in version 2 are up to 17 minutes.
	Failover(ctx context.Context, router string, cancel bool) (FailoverResult, error)
	// Override sets or clears what an operator tells a server to do, saved over
	// restarts. It fails with [ErrNotFound] when there is no such service or server.
	Override(ctx context.Context, service, server string, o Override) error
	// Reload reads the file again. When the file is wrong nothing changes and the
	// error is a [Refused] with all its lines.
	Reload(ctx context.Context) (warnings []string, err error)
	// Plan says what the file, an absolute path, would change in the kernel.
	Plan(ctx context.Context, file string) (Plan, error)
}

// Override is one order of an operator to a server. Exactly one field is set.
type Override struct {
	State  string `json:"state,omitempty"`  // "drain", "maint" or "enable"; enable clears the two others
	Weight string `json:"weight,omitempty"` // "0".."65535", or "auto": the configured one
}
