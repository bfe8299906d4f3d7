package monitor

import "testing"

func TestJudge(t *testing.T) {
	failed := []string{"stuck: worker-1 no progress for 5.2 s", "self-check db: refused"}
	pending := []string{"db", "disk"}
	for _, c := range []struct {
		name            string
		leaving         bool
		said            statement
		failed, pending []string
		want            statement
	}{
		{"up", false, statement{Up, "fine"}, nil, nil, statement{Up, "fine"}},
		{"a failure", false, statement{Up, "fine"}, failed[1:], nil, statement{Down, "self-check db: refused"}},
		{"several failures", false, statement{Up, ""}, failed, nil, statement{Down, "stuck: worker-1 no progress for 5.2 s; self-check db: refused"}},
		{"no results yet", false, statement{Up, ""}, nil, pending, statement{Starting, "no result yet of self-check db, disk"}},
		{"a failure is news, a missing result isn't", false, statement{Up, ""}, failed[1:], pending, statement{Down, "self-check db: refused"}},
		{"drain stands", false, statement{Drain, "going"}, failed, pending, statement{Drain, "going"}},
		{"maint stands", false, statement{Maint, "disk swap"}, failed, pending, statement{Maint, "disk swap"}},
		{"starting stands", false, statement{Starting, "cold"}, failed, nil, statement{Starting, "cold"}},
		{"down stands", false, statement{Down, "by hand"}, nil, pending, statement{Down, "by hand"}},
		{"leaving is maint before all else", true, statement{Down, "by hand"}, failed, pending, statement{Maint, "the program is stopping"}},
		{"an unknown state is down", false, statement{State(9), ""}, nil, nil, statement{Down, "the program set the unknown state 9"}},
	} {
		if got := judge(c.leaving, c.said, c.failed, c.pending); got != c.want {
			t.Errorf("%s: %+v, wanted %+v", c.name, got, c.want)
		}
	}
}

func TestStatesHaveNames(t *testing.T) {
	for _, s := range []State{Up, Starting, Drain, Maint, Down} {
		if got, err := ParseState(s.String()); err != nil || got != s {
			t.Errorf("%s parses as %s, error %v", s, got, err)
		}
	}
	if s := State(9).String(); s != "State(9)" {
		t.Errorf("State(9) prints as %s", s)
	}
	want := `unknown state "Up" (up, starting, drain, maint or down wanted)`
	if _, err := ParseState("Up"); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}
