package control

import "time"

// The paths of the control socket.
const (
	pathStatus   = "/v1/status"
	pathExplain  = "/v1/explain"
	pathReload   = "/v1/reload"
	pathPlan     = "/v1/plan"
	pathOverride = "/v1/services/{service}/servers/{server}/override"
	pathFailover = "/v1/routers/{router}/failover"
)

// What both sides hold each other to.
const (
	maxRequest = 16 << 10  // bytes of a request's body
	maxHeader  = 16 << 10  // bytes of a request's first line and header
	maxAnswer  = 256 << 20 // bytes of an answer; a table of 36,432 servers takes some 20 MB

	// answerTimeout is how long an answer may take to be worked out.
	answerTimeout = 30 * time.Second
	// failoverTimeout is the same for a failover, which may last four advertisement
	// intervals: in version 2 those are up to 255 s each.
	failoverTimeout = 20 * time.Minute
)

// errorBody is the body of an answer that says no.
type errorBody struct {
	Error string   `json:"error"`           // one sentence
	Lines []string `json:"lines,omitempty"` // what is wrong with a file, a line each
}

// reloadBody is the answer to a reload that was done.
type reloadBody struct {
	Warnings []string `json:"warnings"`
}

// failoverBody orders a failover, or the end of one.
type failoverBody struct {
	Cancel bool `json:"cancel"`
}

// planBody asks for a plan.
type planBody struct {
	File string `json:"file"` // an absolute path
}
