package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"text/tabwriter"

	"github.com/go-resty/resty/v2"
	"github.com/supabase-community/postgrest-go"

	"github.com/followthrough-go/followthrough/insforge"
)

// bursts counts the connections that 50 bursts of 16 parallel calls open.
func bursts(w io.Writer) error {
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `[{"id":1}]`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()

	client, err := insforge.New(server.URL)
	if err != nil {
		return err
	}
	query := client.From("reminders").Limit(1)
	plain := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	rest := resty.New()
	peer := postgrest.NewClient(server.URL, "", nil)
	fmt.Fprint(w, "connections opened by 50 bursts of 16 parallel calls\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	for _, one := range []struct {
		name string
		call func() error
	}{
		{"net/http", func() error {
			response, err := plain.Get(server.URL + "/reminders")
			if err != nil {
				return err
			}
			defer response.Body.Close()
			_, err = io.Copy(io.Discard, response.Body)
			return err
		}},
		{"insforge", func() error {
			_, err := insforge.All[row](context.Background(), query)
			return err
		}},
		{"resty", func() error {
			var got []row
			_, err := rest.R().SetResult(&got).Get(server.URL + "/reminders")
			return err
		}},
		{"postgrest-go", func() error {
			var got []row
			_, err := peer.From("reminders").Select("*", "", false).ExecuteTo(&got)
			return err
		}},
	} {
		opened.Store(0)
		var failed atomic.Pointer[error]
		for range 50 {
			var burst sync.WaitGroup
			for range 16 {
				burst.Go(func() {
					if err := one.call(); err != nil {
						failed.Store(&err)
					}
				})
			}
			burst.Wait()
		}
		if err := failed.Load(); err != nil {
			return fmt.Errorf("%s: %w", one.name, *err)
		}
		fmt.Fprintf(table, "%d\t  %s\n", opened.Load(), one.name)
	}
	return table.Flush()
}

// streaming reads a million rows and looks at the memory meanwhile.
func streaming(w io.Writer) error {
	const rows = 1_000_000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		w.Header().Set("Content-Type", "application/json")
		line := []byte("[")
		for id := offset; id < min(offset+size, rows); id++ {
			line = append(line, `{"id":`...)
			line = strconv.AppendInt(line, int64(id), 10)
			line = append(line, `,"status":"pending","tags":["a","b"]},`...)
		}
		if len(line) > 1 {
			line = line[:len(line)-1]
		}
		_, _ = w.Write(append(line, ']'))
	}))
	defer server.Close()
	client, err := insforge.New(server.URL)
	if err != nil {
		return err
	}
	seen, most := 0, uint64(0)
	for _, err := range insforge.Rows[row](context.Background(), client.From("reminders")) {
		if err != nil {
			return err
		}
		if seen++; seen%10_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	if seen != rows {
		return fmt.Errorf("%d rows were read, of %d", seen, rows)
	}
	fmt.Fprintf(w, "streaming %d rows: at most %.1f MB of heap, the server's included\n", seen, float64(most)/(1<<20))
	return nil
}
