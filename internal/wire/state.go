package wire

// State is what a program says about one of its services.
type State string

// The states of MONITOR/1.
const (
	// Up says that the service works.
	Up State = "up"
	// Starting says that the service is not ready yet; a director counts it as a failure at once.
	Starting State = "starting"
	// Drain says that the service finishes what it has and takes nothing new.
	Drain State = "drain"
	// Maint says that the service is out for maintenance, on purpose.
	Maint State = "maint"
	// Down says that the service does not work.
	Down State = "down"
)

// Valid tells whether s is one of the five states.
func (s State) Valid() bool {
	switch s {
	case Up, Starting, Drain, Maint, Down:
		return true
	}
	return false
}
