package decide

// failOpenMargin is how many points of the up share fail open ends above its
// beginning.
const failOpenMargin = 10

// judgeFailOpen says whether failed servers are served again: it begins when the up
// share of W, among servers that are up or down, is under fail_open_below, and ends
// failOpenMargin above it, at 100 % at the latest.
func judgeFailOpen(service *Service, on bool, candidates []candidate) bool {
	up, all := 0, 0
	for i := range candidates {
		switch c := &candidates[i]; c.state {
		case StateUp:
			up += c.weight
			all += c.weight
		case StateDown:
			all += c.weight
		}
	}
	limit := service.FailOpenBelow
	if on {
		limit = min(limit+failOpenMargin, 100)
	}
	return up*100 < limit*all
}
