package telegramtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// webhook is where updates are posted instead of waiting for getUpdates.
type webhook struct {
	URL    string `json:"url"`
	Secret string `json:"secret_token,omitempty"`
}

// secretHeader carries the webhook's secret token.
const secretHeader = "X-Telegram-Bot-Api-Secret-Token"

var secretShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// setWebhook takes http URLs too, like a Bot API server of one's own does:
// webhooks under test live on this machine.
func (s *Server) setWebhook(ctx context.Context, p params) (any, error) {
	if !p.has("url") {
		return s.deleteWebhook(ctx, p)
	}
	target, err := url.Parse(p.str("url"))
	if err != nil || target.Host == "" || (target.Scheme != "https" && target.Scheme != "http") {
		return nil, badRequest("bad webhook: an HTTPS URL must be provided for webhook")
	}
	if p.has("secret_token") && !secretShape.MatchString(p.str("secret_token")) {
		return nil, badRequest("secret token contains unallowed characters")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := webhook{URL: p.str("url"), Secret: p.str("secret_token")}
	if err := s.setAllowed(p); err != nil {
		return nil, err
	}
	if s.state.webhook != nil && *s.state.webhook == next {
		return described{true, "Webhook is already set"}, nil
	}
	s.endPoll(errWebhookSet)
	records := append(s.dropPending(p), record{Webhook: &webhookChange{Webhook: &next}})
	if err := s.commit(records...); err != nil {
		return nil, err
	}
	s.restartDelivery()
	return described{true, "Webhook was set"}, nil
}

func (s *Server) deleteWebhook(_ context.Context, p params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	note := "Webhook was deleted"
	records := s.dropPending(p)
	if s.state.webhook == nil {
		note = "Webhook is already deleted"
	} else {
		records = append(records, record{Webhook: &webhookChange{}})
	}
	if len(records) > 0 {
		if err := s.commit(records...); err != nil {
			return nil, err
		}
	}
	s.restartDelivery()
	return described{true, note}, nil
}

// dropPending makes the record that forgets waiting updates, if the call asks
// for it. The caller holds s.mu.
func (s *Server) dropPending(p params) []record {
	if !p.flag("drop_pending_updates") || len(s.state.updates) == 0 {
		return nil
	}
	return []record{{Confirmed: s.state.lastUpdate + 1}}
}

func (s *Server) getWebhookInfo(context.Context, params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := struct {
		URL       string   `json:"url"`
		Custom    bool     `json:"has_custom_certificate"`
		Pending   int      `json:"pending_update_count"`
		ErrorDate int64    `json:"last_error_date,omitempty"` // Unix seconds, in real time
		LastError string   `json:"last_error_message,omitempty"`
		Allowed   []string `json:"allowed_updates,omitempty"`
	}{Pending: len(s.state.updates), Allowed: s.state.allowed}
	if s.state.webhook != nil {
		info.URL = s.state.webhook.URL
	}
	if s.hook != nil {
		info.LastError, info.ErrorDate = s.hook.lastError, s.hook.failedAt
	}
	return info, nil
}

// delivery is the goroutine that posts updates to a webhook, one at a time and
// in order.
type delivery struct {
	cancel    context.CancelFunc
	lastError string // guarded by Server.mu, like failedAt
	failedAt  int64
}

// restartDelivery runs a delivery for the webhook in force, if there is one.
// The caller holds s.mu.
func (s *Server) restartDelivery() {
	s.stopDelivery()
	if s.state.webhook == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &delivery{cancel: cancel}
	s.hook = d
	to := *s.state.webhook
	s.running.Go(func() { s.deliver(ctx, d, to) })
}

func (s *Server) stopDelivery() {
	if s.hook != nil {
		s.hook.cancel()
		s.hook = nil
	}
}

// Pauses between attempts to deliver an update to a webhook that fails.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

func (s *Server) deliver(ctx context.Context, d *delivery, to webhook) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	wait := firstRetry
	for ctx.Err() == nil {
		s.mu.Lock()
		changed := s.changed
		var next *update
		if len(s.state.updates) > 0 {
			u := s.state.updates[0]
			next = &u
		}
		s.mu.Unlock()
		if next == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		err := post(ctx, client, to, *next)
		s.mu.Lock()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			d.lastError, d.failedAt = err.Error(), time.Now().Unix()
		default:
			d.lastError, d.failedAt, wait = "", 0, firstRetry
			err = s.commit(record{Confirmed: next.ID + 1})
		}
		s.mu.Unlock()
		if err != nil {
			sleep(ctx, s.done, wait)
			wait = min(2*wait, lastRetry)
		}
	}
}

func post(ctx context.Context, client *http.Client, to webhook, u update) error {
	body, err := json.Marshal(u)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if to.Secret != "" {
		req.Header.Set(secretHeader, to.Secret)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("Connection failed: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("Wrong response from the webhook: %s", resp.Status)
	}
	return nil
}
