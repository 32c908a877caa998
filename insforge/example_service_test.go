package insforge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// scripted is a server that has one answer for each method and path.
type scripted map[string]string

func (s scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := http.StatusNotFound, `{"message":"not in this script"}`
	if answer, ok := s[r.Method+" "+r.URL.Path]; ok {
		status, body = http.StatusOK, answer
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewBufferString(body)), Request: r,
	}, nil
}

// scriptedClient is a client of such a server.
func scriptedClient(answers scripted, opts ...insforge.Option) *insforge.Client {
	client, err := insforge.New("http://db.example", append(opts, insforge.WithHTTPClient(&http.Client{Transport: answers}))...)
	if err != nil {
		panic(err)
	}
	return client
}

func ExampleCall() {
	ctx := context.Background()
	client := scriptedClient(scripted{
		"POST /rpc/add":        `5`,
		"POST /rpc/open_steps": `[{"lead":"Jane Doe","steps":3},{"lead":"Max Roe","steps":1}]`,
		"POST /rpc/touch":      ``, // it returns void
	})
	sum, err := insforge.Call[int](ctx, client, "add", map[string]any{"a": 2, "b": 3})
	fmt.Println(sum, err)

	type open struct {
		Lead  string `json:"lead"`
		Steps int    `json:"steps"`
	}
	rows, err := insforge.Call[[]open](ctx, client, "open_steps", struct {
		Owner int `json:"owner"`
	}{111})
	fmt.Println(rows, err)

	_, err = insforge.Call[struct{}](ctx, client, "touch", nil, insforge.Idempotent())
	fmt.Println(err)
	// Output:
	// 5 <nil>
	// [{Jane Doe 3} {Max Roe 1}] <nil>
	// <nil>
}

// A function that only reads is a source of rows like a table.
func ExampleClient_Function() {
	client := scriptedClient(scripted{"GET /rpc/open_steps": `[{"lead":"Jane Doe"}]`})
	rows, err := insforge.All[map[string]any](context.Background(), client.
		Function("open_steps", map[string]any{"owner": 111}).
		Where(filter.Gt("steps", 1)).
		Order("lead").Limit(1))
	fmt.Println(rows, err)
	// Output: [map[lead:Jane Doe]] <nil>
}

func ExampleExplain() {
	client := scriptedClient(scripted{"GET /leads": `[{"Plan":{"Node Type":"Index Scan","Index Name":"leads_pkey"}}]`})
	plan, err := insforge.Explain(context.Background(), client.From("leads").Where(filter.Eq("id", 7)), false)
	fmt.Println(string(plan), err)
	// Output: [{"Plan":{"Node Type":"Index Scan","Index Name":"leads_pkey"}}] <nil>
}

func ExampleClient_InSchema() {
	client := scriptedClient(scripted{"GET /leads": `[]`})
	sales, err := client.InSchema("sales")
	if err != nil {
		fmt.Println(err)
		return
	}
	leads, err := insforge.All[Lead](context.Background(), sales.From("leads")) // Accept-Profile: sales
	fmt.Println(len(leads), err)
	// Output: 0 <nil>
}

func ExampleClient_RawSQL() {
	client := scriptedClient(scripted{
		"POST /api/database/advance/rawsql": `{"rows":[{"stage":"new","n":"2"},{"stage":"won","n":"1"}],"rowCount":2}`,
	}, insforge.WithDialect(insforge.InsForge), insforge.WithAPIKey("ik_key"))
	result, err := client.RawSQL(context.Background(), "SELECT stage, count(*)::text AS n FROM leads WHERE id > $1 GROUP BY stage", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range result.Rows {
		var count struct{ Stage, N string }
		if err := json.Unmarshal(row, &count); err != nil {
			fmt.Println(err)
		}
		fmt.Println(count.Stage, count.N)
	}
	// Output:
	// new 2
	// won 1
}

func ExampleClient_ApplyMigration() {
	ctx := context.Background()
	client := scriptedClient(scripted{
		"GET /api/database/migrations":          `{"migrations":[{"version":"20260301","name":"leads","statements":["CREATE TABLE leads (id int)"]}]}`,
		"POST /api/database/migrations/dry-run": `{"valid":true,"statementCount":1,"riskLevel":"SAFE"}`,
		"POST /api/database/migrations":         `{"message":"applied"}`,
	}, insforge.WithDialect(insforge.InsForge), insforge.WithAPIKey("ik_key"))

	applied, err := client.Migrations(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("so far:", applied[0].Version, applied[0].Name)

	const sql = "ALTER TABLE leads ADD COLUMN name text"
	trial, err := client.DryRunMigration(ctx, sql)
	fmt.Println("trial:", trial.Valid, trial.RiskLevel, err)

	err = client.ApplyMigration(ctx, "20260302", "lead-names", sql)
	if err != nil && !errors.Is(err, insforge.ErrAlreadyApplied) {
		fmt.Println(err)
		return
	}
	fmt.Println("applied")
	// Output:
	// so far: 20260301 leads
	// trial: true SAFE <nil>
	// applied
}

// A user's client sees what row security shows to the user.
func ExampleClient_SignIn() {
	ctx := context.Background()
	server := scripted{
		"POST /api/auth/sessions":         `{"user":{"id":"0b0e7a52-6f5c-4f0e-9a52-0d1a1c0f8a11","email":"jane@example.com"},"accessToken":"access","refreshToken":"refresh"}`,
		"GET /api/database/records/leads": `[{"id":1,"name":"Ann"}]`,
	}
	app := scriptedClient(server, insforge.WithDialect(insforge.InsForge), insforge.WithAPIKey("anon_key"))
	session, err := app.SignIn(ctx, "jane@example.com", "correct horse battery staple")
	if err != nil {
		fmt.Println(err)
		return
	}
	jane := scriptedClient(server, insforge.WithDialect(insforge.InsForge), insforge.WithTokenSource(session))
	leads, err := insforge.All[Lead](ctx, jane.From("leads").Limit(1))
	fmt.Println(session.User.Email, len(leads), err)
	fmt.Println(session) // no token is ever printed
	// Output:
	// jane@example.com 1 <nil>
	// insforge.Session(0b0e7a52-6f5c-4f0e-9a52-0d1a1c0f8a11)
}

func ExampleWithDecoder() {
	// encoding/json itself, or any other decoder that agrees with it.
	client := scriptedClient(scripted{"GET /leads": `[{"id":1,"name":"Ann"}]`}, insforge.WithDecoder(json.Unmarshal))
	lead, err := insforge.One[Lead](context.Background(), client.From("leads"))
	fmt.Println(lead.Name, err)
	// Output: Ann <nil>
}

func ExampleLogObserver() {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "duration" {
				return slog.Attr{}
			}
			return a
		},
	}))
	client := scriptedClient(scripted{"GET /leads": `[]`}, insforge.WithObserver(insforge.LogObserver(logger)))
	_, err := insforge.All[Lead](context.Background(), client.From("leads").Where(filter.Eq("name", "a secret")))
	fmt.Print(log.String(), err)
	// Output:
	// level=DEBUG msg="database request" operation=select table=leads status=200 attempt=1
	// <nil>
}
