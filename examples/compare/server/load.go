//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A measurement is what one load has shown.
type measurement struct {
	rate     float64 // requests a second
	p50, p99 time.Duration
	busy     time.Duration // of the server's processors, for a request
}

// load asks over some connections for a while, each as soon as it has its
// answer. It speaks HTTP itself, since a full client costs more than the servers
// it would measure.
func load(ctx context.Context, s *server, request func(n uint64) (method, target, body string), connections int, length time.Duration) (measurement, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asked atomic.Uint64
	asked.Store(uint64(time.Now().UnixNano() % 1_000_000))
	times := make([][]time.Duration, connections)
	failures := make([]error, connections)
	busy := s.busy()
	begun := time.Now()
	end := begun.Add(length)
	var clients sync.WaitGroup
	for i := range connections {
		clients.Go(func() {
			times[i], failures[i] = ask(ctx, s.address, request, &asked, end)
			if failures[i] != nil {
				cancel()
			}
		})
	}
	clients.Wait()
	took := time.Since(begun)
	busy = s.busy() - busy
	if err := errors.Join(failures...); err != nil {
		return measurement{}, err
	}
	all := slices.Concat(times...)
	if len(all) == 0 {
		return measurement{}, errors.New("no request was answered")
	}
	slices.Sort(all)
	return measurement{
		rate: float64(len(all)) / took.Seconds(),
		p50:  all[len(all)/2].Round(10 * time.Microsecond), p99: all[len(all)*99/100].Round(10 * time.Microsecond),
		busy: (busy / time.Duration(len(all))).Round(time.Microsecond),
	}, nil
}

// ask is one connection.
func ask(ctx context.Context, address string, request func(n uint64) (method, target, body string), asked *atomic.Uint64, end time.Time) (times []time.Duration, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	const patience = 30 * time.Second
	if err := conn.SetDeadline(end.Add(patience)); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 64<<10)
	var out []byte
	for ctx.Err() == nil && time.Now().Before(end) {
		method, target, body := request(asked.Add(1))
		out = append(out[:0], method+" "+target+" HTTP/1.1\r\nHost: "+address+"\r\n"...)
		if body != "" {
			out = append(out, "Content-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n"...)
		}
		out = append(append(out, "\r\n"...), body...)
		sent := time.Now()
		if _, err := conn.Write(out); err != nil {
			return nil, err
		}
		if err := readAnswer(in); err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, target, err)
		}
		times = append(times, time.Since(sent))
	}
	return times, nil
}

// readAnswer reads an answer to its end. Only success will do.
func readAnswer(in *bufio.Reader) error {
	status, length, chunked := "", 0, false
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if status == "" {
			status = string(line)
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	for chunked {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return err
		}
		if _, err := in.Discard(int(size) + len("\r\n")); err != nil {
			return err
		}
		chunked = size > 0
	}
	const success = len("HTTP/1.1 ")
	if len(status) <= success || status[success] != '2' {
		rest, _ := io.ReadAll(io.LimitReader(in, int64(length)))
		return fmt.Errorf("%s %s", status, rest)
	}
	_, err := in.Discard(length)
	return err
}
