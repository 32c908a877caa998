package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// noOp is a job that does nothing.
type noOp struct{}

func (noOp) Kind() string { return "no_op" }

type worker struct {
	river.WorkerDefaults[noOp]
	worked *atomic.Int64
}

func (w *worker) Work(context.Context, *river.Job[noOp]) error {
	w.worked.Add(1)
	return nil
}

// riverDefault is what River's introduction uses; riverTuned is what River's
// own benchmark sets (cmd/river bench).
func riverDefault() *river.Config {
	return &river.Config{Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}}}
}

func riverTuned() *river.Config {
	return &river.Config{
		FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}},
	}
}

func (e *engine) migrateRiver() {
	migrator, err := rivermigrate.New(riverpgxv5.New(e.pool), nil)
	if err == nil {
		_, err = migrator.Migrate(e.ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		e.Fatal(err)
	}
}

// river returns how many jobs a second River works off, until the last is
// completed in the database, and what one of them takes.
func (e *engine) river(config *river.Config, jobs int) (perSecond float64, each effort) {
	e.sql("TRUNCATE river_job")
	var worked atomic.Int64
	config.Workers, config.Logger = river.NewWorkers(), quiet
	river.AddWorker(config.Workers, &worker{worked: &worked})
	client, err := river.NewClient(riverpgxv5.New(e.pool), config)
	if err != nil {
		e.Fatal(err)
	}
	for left := jobs; left > 0; left -= 1000 {
		batch := make([]river.InsertManyParams, min(left, 1000))
		for i := range batch {
			batch[i].Args = noOp{}
		}
		if _, err := client.InsertManyFast(e.ctx, batch); err != nil {
			e.Fatal(err)
		}
	}
	e.sql("VACUUM ANALYZE river_job")
	before, began := e.spent(), time.Now()
	if err := client.Start(e.ctx); err != nil {
		e.Fatal(err)
	}
	for worked.Load() < int64(jobs) && e.ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	for left := -1; left != 0; time.Sleep(5 * time.Millisecond) {
		if err := e.pool.QueryRow(e.ctx, "SELECT count(*) FROM river_job WHERE state <> 'completed'").Scan(&left); err != nil {
			e.Fatal(err)
		}
	}
	took := time.Since(began)
	each = e.spent().since(before).per(jobs)
	if err := client.Stop(e.ctx); err != nil {
		e.Fatal(err)
	}
	return float64(jobs) / took.Seconds(), each
}
