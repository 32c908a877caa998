package bot

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/followthrough-go/followthrough/insforge/insforgeprom"
	"github.com/followthrough-go/followthrough/scheduler"
)

// metrics is what /metrics shows. Labels take a handful of values each: no
// names, no ids, no texts.
type metrics struct {
	registry *prometheus.Registry

	calls     *prometheus.CounterVec
	updates   *prometheus.HistogramVec
	reminders *prometheus.CounterVec
	lateness  prometheus.Histogram
	cycles    prometheus.Histogram
	requests  *insforgeprom.Observer
	unread    *prometheus.CounterVec
	tokens    prometheus.Counter
}

func newMetrics() (*metrics, error) {
	requests, err := insforgeprom.New(insforgeprom.WithNamespace("followthrough"))
	if err != nil {
		return nil, err
	}
	m := &metrics{
		requests: requests,
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "followthrough_telegram_calls_total", Help: "Calls to the Bot API by method and outcome: ok, an error code, unsent, or unknown.",
		}, []string{"method", "outcome"}),
		updates: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "followthrough_update_seconds", Help: "Time to handle an update from Telegram, by kind.",
			Buckets: []float64{.01, .05, .1, .3, 1, 3, 10, 30, 120},
		}, []string{"kind"}),
		reminders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "followthrough_reminders_total", Help: "Reminders by what became of them in a dispatch cycle.",
		}, []string{"outcome"}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "followthrough_reminder_lateness_seconds", Help: "From due to delivered, of the first nudge of a step.",
			Buckets: []float64{1, 2, 5, 15, 60, 300, 1800, 7200, 86400},
		}),
		cycles: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "followthrough_dispatch_cycle_seconds", Help: "Duration of the dispatch cycles that found something due.",
			Buckets: []float64{.01, .05, .1, .3, 1, 3, 10, 30, 120, 600},
		}),
		unread: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "followthrough_timings_not_understood_total", Help: "Timing texts of scheduled plans that named no date, by reason.",
		}, []string{"reason"}),
		tokens: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "followthrough_model_tokens_total", Help: "Tokens that the language model counted for plans, prompts included.",
		}),
	}
	m.registry.MustRegister(m.calls, m.updates, m.reminders, m.lateness, m.cycles, m.requests, m.unread, m.tokens,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m, nil
}

// watch adds gauges of how polling and dispatching go.
func (m *metrics) watch(poller *pollHealth, dispatcher *scheduler.Dispatcher, clock *remoteClock) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("followthrough_polling", "1 while this process receives Telegram's updates, 0 while another one does.", func() float64 {
		if polling, _, _ := poller.state(); polling {
			return 1
		}
		return 0
	})
	gauge("followthrough_last_poll_timestamp_seconds", "When Telegram last answered a request for updates.", func() float64 {
		_, last, _ := poller.state()
		return unixSeconds(last)
	})
	gauge("followthrough_poll_failures", "Failed attempts to receive updates since the last that went well.", func() float64 {
		return float64(poller.consecutive())
	})
	gauge("followthrough_clock_ahead_seconds", "How far this machine's clock is ahead of Telegram's, to a second or two.", func() float64 {
		ahead, _ := clock.deviation()
		return ahead.Seconds()
	})
	gauge("followthrough_last_dispatch_timestamp_seconds", "When the reminders were last looked at with success.", func() float64 {
		return unixSeconds(dispatcher.Status().LastCycle)
	})
	gauge("followthrough_dispatch_lag_seconds", "How long the earliest unsent reminder is overdue.", func() float64 {
		return dispatcher.Status().Lag.Seconds()
	})
}

func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// report counts what a dispatch cycle did.
func (m *metrics) report(r scheduler.Report) {
	for outcome, n := range map[string]int{
		"due": r.Due, "claimed": r.Claimed, "delivered": r.Delivered, "ambiguous": r.Ambiguous, "released": r.Released,
		"parked": r.Parked, "held": r.Held, "orphaned": r.Orphaned, "healed": r.Healed,
	} {
		m.reminders.WithLabelValues(outcome).Add(float64(n))
	}
	if r.Due > 0 {
		m.cycles.Observe(r.Took.Seconds())
	}
	for _, ms := range r.Lateness {
		m.lateness.Observe(float64(ms) / 1000)
	}
}
