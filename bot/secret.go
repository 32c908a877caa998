package bot

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"slices"
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

// Redact returns a writer that replaces the secrets in what is written to w.
// It is the second line of defence, under the log: the first is that secrets
// are not handed to it. A secret must not be split over two writes, which
// handlers of package slog do not do.
func Redact(w io.Writer, secrets ...Secret) io.Writer {
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s Secret) bool { return s == "" })
	if len(secrets) == 0 {
		return w
	}
	return &redactor{w, secrets}
}

type redactor struct {
	w       io.Writer
	secrets []Secret
}

func (r *redactor) Write(p []byte) (int, error) {
	clean := p
	for _, secret := range r.secrets {
		if s := []byte(secret.Reveal()); bytes.Contains(clean, s) {
			clean = bytes.ReplaceAll(clean, s, []byte(redacted))
		}
	}
	if _, err := r.w.Write(clean); err != nil {
		return 0, err
	}
	return len(p), nil
}
