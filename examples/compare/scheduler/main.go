package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/scheduler"
)

type tb struct {
	testing.TB
	cleanups []func()
}

func (t *tb) Helper()                   {}
func (t *tb) Cleanup(f func())          { t.cleanups = append(t.cleanups, f) }
func (t *tb) Fatal(a ...any)            { fmt.Println(a...); t.end(); os.Exit(1) }
func (t *tb) Fatalf(f string, a ...any) { t.Fatal(fmt.Sprintf(f, a...)) }
func (t *tb) Skip(a ...any)             { t.Fatal(a...) }
func (t *tb) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (t *tb) Logf(f string, a ...any)   {}
func (t *tb) Name() string              { return "bench" }
func (t *tb) Context() context.Context  { return context.Background() }
func (t *tb) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

type instant struct{}

func (instant) Send(context.Context, scheduler.Message) scheduler.Result {
	return scheduler.Result{Outcome: scheduler.Delivered, MessageID: 1}
}

type NoOp struct{}

func (NoOp) Kind() string { return "no_op" }

type noOpWorker struct {
	river.WorkerDefaults[NoOp]
	n *atomic.Int64
}

func (w *noOpWorker) Work(context.Context, *river.Job[NoOp]) error { w.n.Add(1); return nil }

var quiet = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))

// cpu: seconds by program, postgres children of our cluster lumped
func cpu() map[string]float64 {
	out := map[string]float64{}
	self := os.Getpid()
	ents, _ := os.ReadDir("/proc")
	type st struct {
		comm string
		ppid int
		t    float64
	}
	all := map[int]st{}
	for _, e := range ents {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		s := string(b)
		i, j := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
		f := strings.Fields(s[j+2:])
		pp, _ := strconv.Atoi(f[1])
		u, _ := strconv.ParseFloat(f[11], 64)
		k, _ := strconv.ParseFloat(f[12], 64)
		cu, _ := strconv.ParseFloat(f[13], 64)
		ck, _ := strconv.ParseFloat(f[14], 64)
		t := (u + k) / 100
		if s[i+1:j] == "postgres" {
			t += (cu + ck) / 100
		}
		all[pid] = st{s[i+1 : j], pp, t}
	}
	for pid, p := range all {
		mine := false
		for q, n := pid, 0; q > 1 && n < 10; n++ {
			if q == self {
				mine = true
				break
			}
			q = all[q].ppid
		}
		if mine {
			out[p.comm] += p.t
		}
	}
	return out
}

func main() {
	n := flag.Int("n", 20000, "")
	rounds := flag.Int("rounds", 3, "")
	prof := flag.String("prof", "", "")
	direct := flag.Bool("direct", true, "")
	flag.Parse()
	t := &tb{}
	defer t.end()
	script, _ := migrations.Script()
	server := insforgetest.Genuine(t, script)
	dir := server.SQL("SHOW unix_socket_directories")[0][0]
	db := server.SQL("SELECT current_database()")[0][0]
	url := server.URL
	if *direct {
		cmd := exec.Command(os.Getenv("POSTGREST_BIN"))
		url = "http://127.0.0.1:38123"
		cmd.Env = []string{"PGRST_DB_URI=postgres:///" + db + "?user=authenticator&host=" + dir, "PGRST_DB_SCHEMAS=public", "PGRST_DB_ANON_ROLE=anon",
			"PGRST_JWT_SECRET=a secret for tests that guards nothing at all", "PGRST_SERVER_HOST=127.0.0.1", "PGRST_SERVER_PORT=38123", "PGRST_LOG_LEVEL=error"}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		for {
			r, err := http.Get(url + "/")
			if err == nil {
				r.Body.Close()
				if r.StatusCode != 503 {
					break
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	ctx := context.Background()
	ours := func() float64 {
		server.SQL("TRUNCATE scheduled_reminders, lead_registry")
		server.SQL(fmt.Sprintf(`INSERT INTO lead_registry (id, telegram_id, prospect_name) SELECT i, 100000+i, 'Lead '||i FROM generate_series(1,%d) i`, *n))
		server.SQL(fmt.Sprintf(`INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at, draft_text) SELECT i, 100000+i, 1, now() - interval '1 second', 'Hello '||i FROM generate_series(1,%d) i`, *n))
		server.SQL("VACUUM ANALYZE scheduled_reminders; ")
		server.SQL("VACUUM ANALYZE lead_registry")
		client, err := insforge.New(url, insforge.WithDialect(insforge.PostgREST), insforge.WithAPIKey(server.APIKey))
		if err != nil {
			t.Fatal(err)
		}
		store, _ := scheduler.NewStore(client, nil)
		var done atomic.Int64
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		d, _ := scheduler.NewDispatcher(store, instant{}, scheduler.WithDispatchLogger(quiet), scheduler.WithReport(func(r scheduler.Report) {
			if done.Add(int64(r.Delivered)) >= int64(*n) {
				cancel()
			}
		}))
		start := time.Now()
		c0 := cpu()
		d.Run(ctx)
		c1 := cpu()
		for k, v := range c1 {
			fmt.Printf("   %s %.1f us each", k, (v-c0[k])/float64(*n)*1e6)
		}
		fmt.Println()
		took := time.Since(start)
		if c := server.SQL("SELECT count(*) FROM scheduled_reminders WHERE status='sent'")[0][0]; c != fmt.Sprint(*n) {
			t.Fatal("sent", c)
		}
		return float64(*n) / took.Seconds()
	}
	pool, err := pgxpool.New(ctx, "host="+dir+" user=postgres dbname="+db)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	m, err := rivermigrate.New(driver, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	rv := func(c *river.Config) float64 {
		server.SQL("TRUNCATE river_job")
		var done atomic.Int64
		workers := river.NewWorkers()
		river.AddWorker(workers, &noOpWorker{n: &done})
		c.Workers, c.Logger = workers, quiet
		client, err := river.NewClient(driver, c)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < *n; i += 1000 {
			batch := make([]river.InsertManyParams, min(1000, *n-i))
			for j := range batch {
				batch[j].Args = NoOp{}
			}
			if _, err := client.InsertManyFast(ctx, batch); err != nil {
				t.Fatal(err)
			}
		}
		server.SQL("VACUUM ANALYZE river_job")
		start := time.Now()
		if err := client.Start(ctx); err != nil {
			t.Fatal(err)
		}
		c0 := cpu()
		for done.Load() < int64(*n) {
			time.Sleep(time.Millisecond)
		}
		for {
			var left int
			if err := pool.QueryRow(ctx, "SELECT count(*) FROM river_job WHERE state <> 'completed'").Scan(&left); err != nil {
				t.Fatal(err)
			}
			if left == 0 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		took := time.Since(start)
		c1 := cpu()
		for k, v := range c1 {
			fmt.Printf("   %s %.1f us each", k, (v-c0[k])/float64(*n)*1e6)
		}
		fmt.Println()
		client.Stop(ctx)
		return float64(*n) / took.Seconds()
	}
	if *prof != "" {
		f, _ := os.Create(*prof)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	for range *rounds {
		o := ours()
		fmt.Printf("ours %.0f/s\n", o)
		if *prof != "" {
			continue
		}
		tuned := rv(&river.Config{FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}}})
		fmt.Printf("tuned %.0f/s\n", tuned)
		def := rv(&river.Config{Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}}})
		fmt.Printf("default %.0f/s\n", def)
	}
}
