package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
)

// checkTime bounds each check.
const checkTime = 20 * time.Second

// checkAll tests every setting and connection, and says in a sentence each what
// is wrong and what to do.
func checkAll(ctx context.Context, environ []string, stdout, stderr io.Writer) int {
	config, err := bot.LoadConfig(environ, ".env")
	if err != nil {
		return failed(stderr, err)
	}
	stdout = bot.Redact(stdout, config.Secrets()...)
	fmt.Fprintln(stdout, "ok    settings: they can be read")
	status := exitFine
	for _, one := range []struct {
		name string
		test func(context.Context, bot.Config) (string, error)
	}{
		{"store", checkStore},
		{"telegram", checkTelegram},
		{"model", checkModel},
		{"http", checkHTTP},
	} {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		fine, err := one.test(ctx, config)
		cancel()
		if err != nil {
			status = exitError
			fmt.Fprintf(stdout, "FAIL  %s: %v\n", one.name, err)
			continue
		}
		fmt.Fprintf(stdout, "ok    %s: %s\n", one.name, fine)
	}
	return status
}

// checkStore tests that the tables can be reached, with every column.
func checkStore(ctx context.Context, config bot.Config) (string, error) {
	if config.Embedded() {
		if _, err := os.Stat(config.DataFile); errors.Is(err, fs.ErrNotExist) && config.DataFile != embedded.Memory {
			if dir, err := os.Stat(filepath.Dir(config.DataFile)); err != nil || !dir.IsDir() {
				return "", fmt.Errorf("DATA_FILE %s is in a directory that does not exist", config.DataFile)
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
	client, err := bot.Connect(config)
	if err != nil {
		return "", err
	}
	if err := missingTables(ctx, client); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s speaks %s, takes the key, and has every table and column", config.BackendURL, config.BackendDialect), nil
}

// missingTables is nil when the backend has every table with every column the
// service uses, and lets the key read them.
func missingTables(ctx context.Context, client *insforge.Client) error {
	var tables map[string]struct {
		Columns []struct {
			Name string `json:"name"`
		} `json:"columns"`
	}
	if err := json.Unmarshal(migrations.Tables, &tables); err != nil {
		return fmt.Errorf("the declared tables: %w", err)
	}
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		var columns []string
		for _, column := range tables[table].Columns {
			columns = append(columns, column.Name)
		}
		query := client.From(table).Select(columns...).Limit(1)
		if _, err := insforge.All[map[string]any](ctx, query); err != nil {
			return backendAdvice(table, err)
		}
	}
	return nil
}

// backendAdvice turns a failure of the backend into what to do about it.
func backendAdvice(table string, err error) error {
	var refused *insforge.Error
	if !errors.As(err, &refused) {
		return fmt.Errorf("INSFORGE_URL does not answer; is the address right, and the server up? (%w)", err)
	}
	switch {
	case refused.Status == 401:
		return fmt.Errorf("the backend does not accept INSFORGE_API_KEY; copy it again from the project's settings (%w)", err)
	case insforge.IsPermission(err):
		return fmt.Errorf("the key may not read %s; the service needs the service key, not the one for browsers (%w)", table, err)
	case refused.Code == "42P01" || refused.Code == "PGRST205":
		return fmt.Errorf("table %s is missing; run: reminderbot migrate (%w)", table, err)
	case refused.Code == "42703" || refused.Code == "PGRST204":
		return fmt.Errorf("table %s lacks a column; run: reminderbot migrate (%w)", table, err)
	case refused.Status == 404:
		return fmt.Errorf("there is no table %s at this address; if INSFORGE_URL and INSFORGE_DIALECT are right, run: reminderbot migrate (%w)", table, err)
	}
	return fmt.Errorf("table %s: %w", table, err)
}

func checkTelegram(ctx context.Context, config bot.Config) (string, error) {
	if config.Demo() {
		return "TELEGRAM_BOT_TOKEN is not set: a chat page stands in for Telegram", nil
	}
	report, err := bot.InspectTelegram(ctx, config)
	if err != nil {
		return "", err
	}
	who := "everyone may use it; ALLOWED_USERS can narrow that"
	if n := len(config.AllowedUsers); n > 0 {
		who = fmt.Sprintf("%d people may use it", n)
	}
	return fmt.Sprintf("the token belongs to @%s; %s", report.Username, who), nil
}

func checkModel(ctx context.Context, config bot.Config) (string, error) {
	if config.LLMURL == "" {
		return "LLM_BASE_URL is not set: the built-in playbook writes the plans", nil
	}
	steps, err := bot.InspectModel(ctx, config)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s wrote a plan of %d steps", config.LLMModel, steps), nil
}

func checkHTTP(_ context.Context, config bot.Config) (string, error) {
	listener, err := net.Listen("tcp", string(config.HTTPAddr))
	if err != nil {
		if strings.Contains(err.Error(), "in use") {
			return fmt.Sprintf("%s is in use, by a running bot most likely", config.HTTPAddr), nil
		}
		return "", fmt.Errorf("HTTP_ADDR %s cannot be listened on: %w", config.HTTPAddr, err)
	}
	return string(config.HTTPAddr) + " is free", listener.Close()
}
