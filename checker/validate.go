package checker

import (
	"errors"
	"fmt"
	"time"
)

// Validate says what is wrong with the check, nil if nothing is: whatever could fail
// before it runs is found here, such as a certificate that is no PEM, a header that
// would break a request, or a timeout longer than the interval. It looks at nothing
// but the spec: whether a command's file is there, for one, shows when it is run.
//
// Errors are written for an operator, without the check's name or target.
func (s Spec) Validate() error {
	_, err := prepare(s, Config{})
	return err
}

// prepare makes a check ready to run.
func prepare(s Spec, c Config) (probe, error) {
	if err := s.Timing.validate(); err != nil {
		return nil, err
	}
	if s.Options == nil {
		return nil, errors.New("the check has no kind")
	}
	k, ok := kinds[s.Options.Kind()]
	if !ok {
		return nil, fmt.Errorf("there is no kind of check named %q", s.Options.Kind())
	}
	if err := s.validateTarget(k.needsPort); err != nil {
		return nil, err
	}
	return k.prepare(s, c)
}

func (s Spec) validateTarget(needsPort bool) error {
	addr := s.Target.Addr()
	switch {
	case !addr.IsValid():
		return errors.New("the check has no address to connect to")
	case addr.IsUnspecified() || addr.IsMulticast():
		return fmt.Errorf("%s is not the address of a server", addr)
	case addr.IsLinkLocalUnicast() && addr.Is6() && addr.Zone() == "":
		return fmt.Errorf("%s is link-local: name its interface, as in %s%%eth0", addr, addr)
	case needsPort && s.Target.Port() == 0:
		return fmt.Errorf("the check has no port of %s to connect to", addr)
	}
	return nil
}

// minInterval is the shortest time from one run to the next.
const minInterval = time.Millisecond

func (t Timing) validate() error {
	switch {
	case t.Interval < minInterval:
		return fmt.Errorf("interval %s is shorter than %s", t.Interval, minInterval)
	case t.Timeout <= 0:
		return fmt.Errorf("timeout %s is not above 0", t.Timeout)
	case t.Timeout > t.Interval:
		return fmt.Errorf("timeout %s is longer than interval %s", t.Timeout, t.Interval)
	case t.FastInterval < minInterval:
		return fmt.Errorf("fast interval %s is shorter than %s", t.FastInterval, minInterval)
	case t.FastInterval > t.Interval:
		return fmt.Errorf("fast interval %s is longer than interval %s", t.FastInterval, t.Interval)
	case t.Fall < 1:
		return fmt.Errorf("fall %d is less than 1", t.Fall)
	case t.Rise < 1:
		return fmt.Errorf("rise %d is less than 1", t.Rise)
	}
	return nil
}
