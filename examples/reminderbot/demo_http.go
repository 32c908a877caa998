package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf16"
)

//go:embed demo/*
var demoFiles embed.FS

// Bounds on what the page may ask for.
const (
	maxDemoBody  = 1 << 20
	maxMessage   = 4096 // UTF-16 units; Telegram's apps split what is longer
	maxJourney   = 366 * 24 * time.Hour
	answerWithin = 10 * time.Second
)

// Handler serves the page at / and what it needs under /demo/. Only the page
// itself may write: other sites are refused by origin, and names that merely
// resolve to this machine by host.
func (d *demo) Handler() http.Handler {
	assets, err := fs.Sub(demoFiles, "demo")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, assets, "index.html")
	})
	mux.Handle("GET /demo/", http.StripPrefix("/demo/", http.FileServerFS(assets)))
	mux.HandleFunc("GET /demo/state", func(w http.ResponseWriter, r *http.Request) {
		respond(w, d.state(r.Context()), nil)
	})
	mux.HandleFunc("GET /demo/events", d.serveEvents)
	mux.HandleFunc("GET /demo/file/{id}", d.serveFile)
	mux.HandleFunc("POST /demo/send", handle(d.send))
	mux.HandleFunc("POST /demo/press", handle(d.press))
	mux.HandleFunc("POST /demo/advance", handle(d.travel))
	return guarded(http.NewCrossOriginProtection().Handler(mux))
}

// guarded refuses requests for host names an attacker could point at this
// machine, and tells browsers to load nothing from elsewhere.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localName(r.Host) {
			http.Error(w, "This page is served only under localhost or an IP address.", http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// localName reports whether a Host header is localhost or an address: DNS
// rebinding needs a name of its own.
func localName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// refusal is an error with a status, worded for the person at the page.
type refusal struct {
	status int
	reason string
}

func (r refusal) Error() string { return r.reason }

// handle turns a function of a JSON request into a handler. A body that is not
// declared as JSON is refused: a form on another site cannot declare that.
func handle[T any](do func(context.Context, T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
			respond(w, nil, refusal{http.StatusUnsupportedMediaType, "Expected JSON."})
			return
		}
		var request T
		body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxDemoBody))
		if err := body.Decode(&request); err != nil {
			respond(w, nil, refusal{http.StatusBadRequest, "The request cannot be read."})
			return
		}
		result, err := do(r.Context(), request)
		respond(w, result, err)
	}
}

func respond(w http.ResponseWriter, result any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError
		var r refusal
		if errors.As(err, &r) {
			status = r.status
		}
		result = map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(result) // the page may be gone
}

type sendRequest struct {
	Text     string `json:"text"`
	Location *struct {
		Latitude  float64 `json:"latitude"`
		Longitude float64 `json:"longitude"`
	} `json:"location"`
}

func (d *demo) send(_ context.Context, r sendRequest) (any, error) {
	switch {
	case r.Location != nil:
		d.person.SendLocation(r.Location.Latitude, r.Location.Longitude)
	case strings.TrimSpace(r.Text) == "":
		return nil, refusal{http.StatusBadRequest, "There is nothing to send."}
	default:
		for _, part := range split(strings.TrimSpace(r.Text), maxMessage) {
			d.person.Send(part)
		}
	}
	if d.telegram.Err() != nil {
		return nil, refusal{http.StatusInternalServerError, "The chat cannot be written to disk."}
	}
	return struct{}{}, nil
}

// split cuts a text into parts of at most limit UTF-16 units, at line ends or
// spaces where there are any.
func split(text string, limit int) []string {
	var parts []string
	for {
		length, gap, cut := 0, 0, len(text)
		for i, c := range text {
			length += utf16.RuneLen(c)
			if length > limit {
				cut = i
				break
			}
			if c == '\n' || c == ' ' && (gap == 0 || text[gap] == ' ') {
				gap = i
			}
		}
		if cut == len(text) {
			return append(parts, text)
		}
		if gap > 0 {
			cut = gap
		}
		parts = append(parts, text[:cut])
		text = strings.TrimLeft(text[cut:], " \n")
	}
}

type pressRequest struct {
	Message int    `json:"message"`
	Row     int    `json:"row"`
	Column  int    `json:"column"`
	Label   string `json:"label"`
}

var errStale = refusal{http.StatusConflict, "This button is no longer there."}

// press presses a button and waits for the bot's answer, as Telegram's apps
// do.
func (d *demo) press(ctx context.Context, r pressRequest) (any, error) {
	m, ok := d.person.Message(r.Message)
	rows := m.Rows()
	if !ok || r.Row < 0 || r.Row >= len(rows) || r.Column < 0 || r.Column >= len(rows[r.Row]) {
		return nil, errStale
	}
	button := rows[r.Row][r.Column]
	if button.Text != r.Label || button.CallbackData == "" {
		return nil, errStale
	}
	id, err := d.person.PressData(m.ID, button.CallbackData)
	if err != nil {
		return nil, errStale
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	defer context.AfterFunc(d.closing, cancel)()
	answer, err := d.person.Answer(ctx, id)
	if err != nil {
		return nil, refusal{http.StatusGatewayTimeout, "The bot does not answer at the moment."}
	}
	return answer, nil
}

type travelRequest struct {
	By string `json:"by"` // a duration as Go writes them
}

func (d *demo) travel(_ context.Context, r travelRequest) (any, error) {
	by, err := time.ParseDuration(r.By)
	if err != nil || by <= 0 || by > maxJourney {
		return nil, refusal{http.StatusBadRequest, fmt.Sprintf("The clock goes forward, by at most %d days.", int(maxJourney.Hours()/24))}
	}
	switch err := d.advance(by); {
	case errors.Is(err, errTravelling):
		return nil, refusal{http.StatusConflict, "The clock is still moving."}
	case err != nil:
		return nil, refusal{http.StatusInternalServerError, "The clock stopped on its way."}
	}
	return struct{}{}, nil
}

// serveFile hands out a document of the chat as a download, never as a page.
func (d *demo) serveFile(w http.ResponseWriter, r *http.Request) {
	for _, m := range d.person.Messages() {
		if m.Document == nil || m.Document.FileID != r.PathValue("id") {
			continue
		}
		data, ok := d.telegram.File(m.Document.FileID)
		if !ok {
			break
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.Document.Name}))
		_, _ = w.Write(data) // the browser may be gone
		return
	}
	http.NotFound(w, r)
}
