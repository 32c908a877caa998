module github.com/followthrough-go/followthrough/examples/compare/client

go 1.25.0

require (
	github.com/followthrough-go/followthrough v0.0.0
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875
	github.com/go-resty/resty/v2 v2.17.2
	github.com/goccy/go-json v0.12.0
	github.com/segmentio/encoding v0.5.4
	github.com/supabase-community/postgrest-go v0.0.12
)

require (
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/segmentio/asm v1.1.3 // indirect
	golang.org/x/net v0.58.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/followthrough-go/followthrough => ../../..
