package daemon

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// observed is a table that is never written: what would be written is kept here on
// top of what the kernel held at the start, so that what follows from it is seen
// too. It is the table of `mainstay run --observe`.
type observed struct {
	mu    sync.Mutex
	table ipvs.Table
}

// observe reads the kernel's table once. Where the kernel has no IPVS it counts as
// empty.
func observe(log *slog.Logger) (*observed, error) {
	conn, err := kernel.Open()
	if errors.Is(err, kernel.ErrNoIPVS) {
		log.Warn("this kernel has no IPVS: its table counts as empty")
		return &observed{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	snapshot, err := conn.Read()
	if err != nil {
		return nil, err
	}
	return &observed{table: snapshot.Table}, nil
}

// Read returns the table as it would be.
func (o *observed) Read() (kernel.Snapshot, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return kernel.Snapshot{Table: o.table}, nil
}

// ReadServices returns some services of the table as they would be.
func (o *observed) ReadServices(keys []ipvs.Key) (kernel.Snapshot, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var t ipvs.Table
	for _, key := range keys {
		if s, ok := o.table.Service(key); ok {
			t.Services = append(t.Services, s)
		}
	}
	return kernel.Snapshot{Table: t}, nil
}

// Apply keeps what the changes would make of the table.
func (o *observed) Apply(changes []ipvs.Change) ([]kernel.Failure, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, err := o.table.Apply(changes)
	if err != nil {
		return nil, err
	}
	o.table = t.Sort()
	return nil, nil
}
