package control

import "time"

// Status is the whole picture, as `mainstay status --json` prints it.
type Status struct {
	Director        DirectorStatus `json:"director"`
	VirtualServices []Service      `json:"virtual_services"`
}

// DirectorStatus is the daemon's own part of the picture.
type DirectorStatus struct {
	Name           string    `json:"name"`
	Version        string    `json:"version"`
	Ready          bool      `json:"ready"`   // the first verdicts are over and the table is reconciled
	Observe        bool      `json:"observe"` // started with --observe: it writes nothing
	ConfigFile     string    `json:"config_file"`
	ConfigLoadedAt time.Time `json:"config_loaded_at"`
	// ConfigError is why the last reload was refused, all its lines; empty when
	// the file in force is the last one read.
	ConfigError string `json:"config_error"`
	// Warnings are sentences about what an operator should look at: changes that
	// the kernel refused, sysctls that don't fit, virtual addresses that are not
	// local, checks that can't keep their interval.
	Warnings []string `json:"warnings"`
}

// Service is one virtual service in the picture.
type Service struct {
	Name        string   `json:"name"`
	Address     string   `json:"address"` // as in the file: "192.0.2.100:80/tcp", "fwmark 7 ipv4"
	Scheduler   string   `json:"scheduler"`
	Quorum      Quorum   `json:"quorum"`
	Sorry       bool     `json:"sorry"`     // the sorry server serves
	FailOpen    bool     `json:"fail_open"` // failed servers are served all the same
	RealServers []Server `json:"real_servers"`
}

// Quorum is how a service's quorum stands.
type Quorum struct {
	Met    bool `json:"met"`
	Weight int  `json:"weight"` // of the servers that are up
	Needed int  `json:"needed"`
	// Pending: the first verdicts are not over, so quorum, sorry server and fail
	// open are as they were found, not judged yet.
	Pending bool `json:"pending,omitempty"`
}

// Server is one real server of a service in the picture.
type Server struct {
	Address     string      `json:"address"`
	State       string      `json:"state"` // starting up down drain maint
	Weight      Weight      `json:"weight"`
	InTable     bool        `json:"in_table"`
	Why         string      `json:"why"`                // a sentence that begins with the state
	Override    string      `json:"override,omitempty"` // "drain", "maint", "weight 5", or two of them, joined by ", "
	Connections Connections `json:"connections"`
	Checks      []Check     `json:"checks"`
}

// Weight is a server's weight, in the file and in the kernel's table.
type Weight struct {
	Configured int `json:"configured"`
	Effective  int `json:"effective"` // 0 when it is not in the table
}

// Connections are what the kernel counts of a server.
type Connections struct {
	Active   uint32 `json:"active"`
	Inactive uint32 `json:"inactive"`
}

// Check is how one check of a server stands.
type Check struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	OK        bool      `json:"ok"`
	Streak    int       `json:"streak"` // results in a row of the same sort
	LatencyMS float64   `json:"latency_ms"`
	Error     string    `json:"error"` // of the last result; empty: none
	At        time.Time `json:"at"`    // of the last result; zero: none yet
}

// Explanation says why a server's weight is what it is, and what it was before.
type Explanation struct {
	Service string   `json:"service"`
	Server  Server   `json:"server"`
	Changes []Change `json:"changes"` // the last 20, oldest first
}

// Change is one change of a server's state or weight.
type Change struct {
	At    time.Time `json:"at"`
	From  string    `json:"from"`  // such as "up, weight 100"; empty for the first
	To    string    `json:"to"`    // such as "down, not in the table"
	Cause string    `json:"cause"` // the sentence that Server.Why held then
}

// Plan is what would change in the kernel's table.
type Plan struct {
	Changes []string `json:"changes"` // in the words of ipvsadm, in order
	Foreign []string `json:"foreign"` // services of the kernel that are not Mainstay's and stay as they are
	Notes   []string `json:"notes"`   // sentences: what was assumed, what warns
}

// Probe is one run of one check, for `mainstay probe`.
type Probe struct {
	Server  string        `json:"server"`
	Check   string        `json:"check"`
	Kind    string        `json:"kind"`
	Target  string        `json:"target"`
	OK      bool          `json:"ok"`
	Judged  string        `json:"judged"` // "success", "failure", "down at once", "inconclusive"
	Reason  string        `json:"reason"`
	Latency time.Duration `json:"latency_ns"`
	Sent    []byte        `json:"sent"`
	Read    []byte        `json:"read"`
}
