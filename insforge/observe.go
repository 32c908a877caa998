package insforge

import (
	"context"
	"log/slog"
	"time"
)

// An Observer is told about every attempt of every request. Its methods are
// called from many goroutines and should return quickly.
type Observer interface {
	// Start is called before an attempt. The context it returns is passed on
	// to End and to the request, for tracing.
	Start(ctx context.Context, a Attempt) context.Context
	// End is called after it, with Status, Duration, Err and Wait set.
	End(ctx context.Context, a Attempt)
}

// Attempt describes one sending of a request. It holds no values of the
// query, no body and no credentials, so that it can be logged as it is.
type Attempt struct {
	Operation string // select, count, insert, update, delete, rpc, raw, sql, migration or auth
	Method    string // HTTP method
	Table     string // table or function; the path of a raw request
	Number    int    // 1 for the first attempt

	Status   int           // HTTP status; 0 where no answer came
	Duration time.Duration // until the body was read
	Err      error         // nil where it succeeded
	Wait     time.Duration // before the next attempt; 0 where there is none
}

// A FallbackObserver is an [Observer] that is also told when rows were filtered
// on this side; see [Query.Fallback].
type FallbackObserver interface {
	Fallback(ctx context.Context, report FallbackReport)
}

// LogObserver logs attempts: at debug level where they succeed, at info where
// the server refused the request as such, with a status from 400 to 499, at
// warn where they failed otherwise. It is a [FallbackObserver].
func LogObserver(l *slog.Logger) Observer { return logObserver{l} }

type logObserver struct{ log *slog.Logger }

func (o logObserver) Start(ctx context.Context, _ Attempt) context.Context { return ctx }

func (o logObserver) End(ctx context.Context, a Attempt) {
	attrs := []slog.Attr{
		slog.String("operation", a.Operation),
		slog.String("table", a.Table),
		slog.Int("status", a.Status),
		slog.Int("attempt", a.Number),
		slog.Duration("duration", a.Duration),
	}
	if a.Err == nil {
		o.log.LogAttrs(ctx, slog.LevelDebug, "database request", attrs...)
		return
	}
	attrs = append(attrs, slog.String("error", a.Err.Error()))
	if a.Wait > 0 {
		attrs = append(attrs, slog.Duration("retry_in", a.Wait))
	}
	level := slog.LevelWarn
	if a.Status >= 400 && a.Status <= 499 && a.Wait == 0 {
		level = slog.LevelInfo
	}
	o.log.LogAttrs(ctx, level, "database request failed", attrs...)
}

func (o logObserver) Fallback(ctx context.Context, report FallbackReport) {
	o.log.LogAttrs(ctx, slog.LevelWarn, "rows filtered by the client", slog.Any("report", report))
}
