package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
)

// checkFile tests that the embedded store, and what the demo keeps beside it,
// can be read and written, and leaves all of it as it is.
func checkFile(config bot.Config) (string, error) {
	if config.DataFile == embedded.Memory {
		return "DATA_FILE is :memory:, so that nothing outlives the service", nil
	}
	if config.Demo() {
		if _, err := openClock(clockFile(config.DataFile), config.Zone.Location); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(config.DataFile); errors.Is(err, fs.ErrNotExist) {
		probe, err := os.CreateTemp(filepath.Dir(config.DataFile), ".followthrough-*")
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("DATA_FILE %s is in a directory that does not exist", config.DataFile)
		case err != nil:
			return "", fmt.Errorf("DATA_FILE %s is in a directory that the user this runs as cannot write to: %w", config.DataFile, err)
		}
		if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
			return "", err
		}
		return "INSFORGE_URL is not set: data will be kept in " + config.DataFile, nil
	}
	schema, err := embedded.ParseTables(migrations.Tables)
	if err != nil {
		return "", err
	}
	store, err := embedded.Open(config.DataFile, schema)
	switch {
	case errors.Is(err, embedded.ErrLocked):
		return config.DataFile + " is in use, by a running bot most likely", nil
	case err != nil:
		return "", fmt.Errorf("DATA_FILE %s cannot be used: %w", config.DataFile, err)
	}
	if err := store.Close(); err != nil {
		return "", err
	}
	return "INSFORGE_URL is not set: data is kept in " + config.DataFile, nil
}

// checkHTTP tests that the endpoints can be served, or are by a bot that runs.
func checkHTTP(ctx context.Context, config bot.Config) (string, error) {
	listener, err := config.HTTPAddr.Listen()
	if errors.Is(err, syscall.EADDRINUSE) && isBot(ctx, string(config.HTTPAddr)) {
		return fmt.Sprintf("%s is in use by a running bot", config.HTTPAddr), nil
	}
	if err != nil {
		return "", err
	}
	return string(config.HTTPAddr) + " is free", listener.Close()
}

// isBot reports whether a bot answers at an address.
func isBot(ctx context.Context, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // a probe of the backend included
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var ready struct {
		Checks map[string]string `json:"checks"`
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&ready) == nil && ready.Checks["dispatcher"] != ""
}
