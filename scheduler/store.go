package scheduler

import (
	"errors"
	"fmt"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
)

// ErrNotFound is returned where a lead or reminder does not exist, or belongs
// to somebody else: the two are not told apart.
var ErrNotFound = errors.New("not found")

// The tables, as migrations/ makes them.
const (
	tableLeads     = "lead_registry"
	tableActivity  = "lead_activity_log"
	tableReminders = "scheduled_reminders"
	tableUsers     = "bot_users"
	tableLeases    = "service_leases"
)

// Store is the repository of leads, reminders and users over a PostgREST API.
// It is safe for concurrent use and keeps no state of its own: several
// processes may work on one database.
type Store struct {
	client *insforge.Client
	clock  Clock
}

// NewStore returns a Store that reaches its tables through client and stamps
// rows with clock's time; a nil clock is the system's.
func NewStore(client *insforge.Client, clock Clock) (*Store, error) {
	if client == nil {
		return nil, fmt.Errorf("scheduler: a store needs a client")
	}
	if clock == nil {
		clock = SystemClock()
	}
	return &Store{client: client, clock: clock}, nil
}

// now is the current instant as PostgreSQL can hold it: in UTC, to the
// microsecond. A finer time would not be found again by an equality filter.
func (s *Store) now() time.Time { return s.clock.Now().UTC().Truncate(time.Microsecond) }
