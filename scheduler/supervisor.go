package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Supervisor keeps background tasks running: a task that fails or panics is
// logged and started again after a while, one that returns nil is done.
type Supervisor struct {
	log   *slog.Logger
	clock Clock
	tasks sync.WaitGroup
}

// NewSupervisor returns a Supervisor that logs to log, and waits by clock.
func NewSupervisor(log *slog.Logger, clock Clock) *Supervisor {
	return &Supervisor{log: log, clock: clock}
}

// Go runs task in the background until it returns nil or ctx ends. Task must
// return soon after its context ends.
func (s *Supervisor) Go(ctx context.Context, name string, task func(ctx context.Context) error) {
	s.tasks.Go(func() {
		for failures := 1; ctx.Err() == nil; failures++ {
			started := s.clock.Now()
			err := run(ctx, task)
			if err == nil || ctx.Err() != nil {
				return
			}
			if s.clock.Now().Sub(started) > time.Minute {
				failures = 1
			}
			wait := backoff(failures)
			s.log.Error("background task failed, starting it again", "task", name, "error", err, "in", wait)
			sleep(ctx, s.clock, wait)
		}
	})
}

// Wait waits until every task has ended.
func (s *Supervisor) Wait() { s.tasks.Wait() }

// run calls task and makes an error of a panic, stack included.
func run(ctx context.Context, task func(ctx context.Context) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return task(ctx)
}
