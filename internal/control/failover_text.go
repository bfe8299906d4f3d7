package control

import "fmt"

// Text returns, on one line, how the router stands after a failover, or after the end
// of one.
func (f FailoverResult) Text(cancelled bool) string {
	stands := Plain(f.State)
	if f.Master != "" && f.State != "master" {
		stands += fmt.Sprintf(", %s is master", Plain(f.Master))
	}
	after := fmt.Sprintf("standing by until mainstay failover %s --cancel", Plain(f.Router))
	if cancelled {
		after = "no longer standing by"
	}
	return fmt.Sprintf("%s: %s; %s\n", Plain(f.Router), stands, after)
}
