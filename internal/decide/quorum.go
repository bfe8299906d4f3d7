package decide

// judgeQuorum is keepalived's rule: quorum is lost under quorum - hysteresis, or
// at 0, and gained, also at first, at quorum + hysteresis. In between it stays.
func judgeQuorum(service *Service, met bool, weight int) bool {
	if met {
		return weight > 0 && weight >= service.Quorum-service.Hysteresis
	}
	return weight > 0 && weight >= service.Quorum+service.Hysteresis
}

// quorumWeight is the sum of W x percent, without ramp, of the servers that are
// up. One without a verdict that was found in the table with a weight counts with W.
func quorumWeight(candidates []candidate) int {
	sum := 0
	for i := range candidates {
		switch c := &candidates[i]; {
		case c.state == StateUp:
			sum += weightOf(c.weight, c.health.percent, fullRamp)
		case c.held() && c.was.Found.Weight > 0:
			sum += c.weight
		}
	}
	return sum
}
