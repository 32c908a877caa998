package bot

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Secret is a value that must not be seen. Printing, logging and encoding it
// all show a stand-in; only [Secret.Reveal] gives it away.
type Secret string

const redacted = "[secret]"

// Reveal is the value itself.
func (s Secret) Reveal() string { return string(s) }

// String is a stand-in for a secret and empty for none.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format keeps every verb of package fmt, %#v and %x included, from printing
// the value.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, s.String()) }

// LogValue is the stand-in as package slog logs it.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the stand-in as encoders write it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Redact returns a writer that replaces the secrets in what is written to w,
// also in the guises they have in JSON and in addresses. It is the second line
// of defence, under the log: the first is that secrets are not handed to it. A
// secret must not be split over two writes, which handlers of package slog do
// not do. What has fewer than four bytes is no secret: words would fall with it.
func Redact(w io.Writer, secrets ...Secret) io.Writer {
	var guises [][]byte
	for _, secret := range secrets {
		if len(secret) < 4 {
			continue
		}
		for _, guise := range secret.guises() {
			guises = append(guises, []byte(guise))
		}
	}
	if len(guises) == 0 {
		return w
	}
	// A secret within a secret must not spoil it first.
	slices.SortFunc(guises, func(a, b []byte) int { return cmp.Or(len(b)-len(a), bytes.Compare(a, b)) })
	return &redactor{w, slices.CompactFunc(guises, bytes.Equal)}
}

// guises are the spellings of a secret in a log: as it is, quoted once, as in an
// error, and twice, as in an error that is logged.
func (s Secret) guises() []string {
	guises := []string{s.Reveal(), url.QueryEscape(s.Reveal()), url.PathEscape(s.Reveal())}
	for range 2 {
		for _, guise := range slices.Clone(guises) {
			var inJSON, forHTML bytes.Buffer
			encoder := json.NewEncoder(&inJSON)
			encoder.SetEscapeHTML(false)
			_ = encoder.Encode(guise) // a string always can be
			json.HTMLEscape(&forHTML, inJSON.Bytes())
			guises = append(guises, trimQuotes(strconv.Quote(guise)), trimQuotes(strings.TrimSpace(inJSON.String())), trimQuotes(strings.TrimSpace(forHTML.String())))
		}
		slices.Sort(guises)
		guises = slices.Compact(guises)
	}
	return guises
}

func trimQuotes(s string) string { return s[1 : len(s)-1] }

type redactor struct {
	w      io.Writer
	guises [][]byte
}

func (r *redactor) Write(p []byte) (int, error) {
	clean := p
	for _, guise := range r.guises {
		if bytes.Contains(clean, guise) {
			clean = bytes.ReplaceAll(clean, guise, []byte(redacted))
		}
	}
	if _, err := r.w.Write(clean); err != nil {
		return 0, err
	}
	return len(p), nil
}
