// Package insforgeprom counts the requests of an insforge client for Prometheus.
//
// It is a package of its own so that a program without Prometheus does not
// carry it.
package insforgeprom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/followthrough-go/followthrough/insforge"
)

// Observer is an [insforge.Observer] and a [prometheus.Collector]: give it to
// clients by [insforge.WithObserver], and register it. Several clients may share
// one. Its metrics, behind the namespace:
//
//   - insforge_attempts_total{operation,table,status}: requests as they were
//     sent, repetitions included. The status 0 is that no answer came. What the
//     caller cancelled is not counted.
//   - insforge_attempt_seconds{operation}: how long they took, body included.
//   - insforge_repetitions_total{operation}: those of them that were not the
//     first of their request.
//   - insforge_attempts_in_flight: those under way.
//   - insforge_fallbacks_total{table}: reads that the client filtered itself.
//
// Labels take the values a program has in its code: operations, tables and
// functions. The path of a raw request is none of them and becomes "".
type Observer struct {
	attempts    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	repetitions *prometheus.CounterVec
	inFlight    prometheus.Gauge
	fallbacks   *prometheus.CounterVec
}

var (
	_ insforge.Observer         = (*Observer)(nil)
	_ insforge.FallbackObserver = (*Observer)(nil)
	_ prometheus.Collector      = (*Observer)(nil)
)

type settings struct {
	namespace string
	buckets   []float64
}

// Option changes an [Observer].
type Option func(*settings) error

// WithNamespace puts a name and an underscore before those of all metrics. The
// default is none.
func WithNamespace(name string) Option {
	return func(s *settings) error {
		s.namespace = name
		return nil
	}
}

// WithBuckets sets the upper bounds, in seconds, of the histogram of durations;
// the default is [prometheus.DefBuckets], from 5 milliseconds to 10 seconds.
func WithBuckets(seconds ...float64) Option {
	return func(s *settings) error {
		if len(seconds) == 0 || !slices.IsSorted(seconds) || len(slices.Compact(slices.Clone(seconds))) != len(seconds) {
			return errors.New("buckets must increase")
		}
		s.buckets = slices.Clone(seconds)
		return nil
	}
}

// New makes an observer that has counted nothing yet.
func New(opts ...Option) (*Observer, error) {
	s := settings{buckets: prometheus.DefBuckets}
	for _, opt := range opts {
		if err := opt(&s); err != nil {
			return nil, fmt.Errorf("insforgeprom: %w", err)
		}
	}
	const subsystem = "insforge"
	return &Observer{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: s.namespace, Subsystem: subsystem, Name: "attempts_total",
			Help: "Requests to the database API as they were sent, repetitions included; status 0 is no answer.",
		}, []string{"operation", "table", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: s.namespace, Subsystem: subsystem, Name: "attempt_seconds",
			Help: "Duration of requests to the database API, body included.", Buckets: s.buckets,
		}, []string{"operation"}),
		repetitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: s.namespace, Subsystem: subsystem, Name: "repetitions_total",
			Help: "Requests to the database API that were sent again.",
		}, []string{"operation"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: s.namespace, Subsystem: subsystem, Name: "attempts_in_flight",
			Help: "Requests to the database API that are under way.",
		}),
		fallbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: s.namespace, Subsystem: subsystem, Name: "fallbacks_total",
			Help: "Reads that the client filtered itself, because the server would not.",
		}, []string{"table"}),
	}, nil
}

// Start implements [insforge.Observer].
func (o *Observer) Start(ctx context.Context, _ insforge.Attempt) context.Context {
	o.inFlight.Inc()
	return ctx
}

// End implements [insforge.Observer].
func (o *Observer) End(_ context.Context, a insforge.Attempt) {
	o.inFlight.Dec()
	if errors.Is(a.Err, context.Canceled) {
		return // its caller lost interest, which says nothing about the server
	}
	table := a.Table
	if a.Operation == "raw" {
		table = ""
	}
	o.attempts.WithLabelValues(a.Operation, table, strconv.Itoa(a.Status)).Inc()
	o.seconds.WithLabelValues(a.Operation).Observe(a.Duration.Seconds())
	if a.Number > 1 {
		o.repetitions.WithLabelValues(a.Operation).Inc()
	}
}

// Fallback implements [insforge.FallbackObserver].
func (o *Observer) Fallback(_ context.Context, r insforge.FallbackReport) {
	o.fallbacks.WithLabelValues(r.Table).Inc()
}

func (o *Observer) collectors() []prometheus.Collector {
	return []prometheus.Collector{o.attempts, o.seconds, o.repetitions, o.inFlight, o.fallbacks}
}

// Describe implements [prometheus.Collector].
func (o *Observer) Describe(descriptions chan<- *prometheus.Desc) {
	for _, c := range o.collectors() {
		c.Describe(descriptions)
	}
}

// Collect implements [prometheus.Collector].
func (o *Observer) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range o.collectors() {
		c.Collect(metrics)
	}
}
