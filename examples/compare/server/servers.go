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
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A server is one of those that are compared.
type server struct {
	name    string
	address string
	took    time.Duration // to start
	process *exec.Cmd
	behind  *exec.Cmd // the database of PostgREST
}

// busy is the processor time that a server and its database have used.
func (s *server) busy() (total time.Duration) {
	total = ticks(s.process.Process.Pid)
	if s.behind != nil {
		pid := s.behind.Process.Pid
		total += ticks(pid)
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			return 0
		}
		for _, child := range strings.Fields(string(children)) {
			if pid, err := strconv.Atoi(child); err == nil {
				total += ticks(pid)
			}
		}
	}
	return total
}

// ticks is the processor time that a process has used, 0 if nobody knows.
func ticks(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the name
	fields := strings.Fields(rest)
	const user, system, tick = 11, 12, 10 * time.Millisecond
	if len(fields) <= system {
		return 0
	}
	u, err1 := strconv.ParseInt(fields[user], 10, 64)
	k, err2 := strconv.ParseInt(fields[system], 10, 64)
	if errors.Join(err1, err2) != nil {
		return 0
	}
	return time.Duration(u+k) * tick
}

// stop ends a server as its operator would.
func (s *server) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.process.Wait()
}

// memory is what the process has in physical memory, the mapped file included.
func (s *server) memory() string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return err.Error()
	}
	kilobytes := func(name string) int {
		_, rest, _ := strings.Cut(string(status), name+":")
		n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0]) // 0 tells that it is unknown
		return n
	}
	return fmt.Sprintf("%d MB, %d MB at most", kilobytes("VmRSS")/1024, kilobytes("VmHWM")/1024)
}

// command prepares a program that ends with us, by whatever end.
func (b *bench) command(signal syscall.Signal, as *syscall.Credential, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: signal, Credential: as}
	return c
}

func (b *bench) start(c *exec.Cmd) error {
	if err := c.Start(); err != nil {
		return err
	}
	b.started = append(b.started, c)
	return nil
}

// stopAll ends what is still running.
func (b *bench) stopAll() {
	for i := len(b.started) - 1; i >= 0; i-- {
		if c := b.started[i]; c.ProcessState == nil {
			_ = c.Process.Signal(c.SysProcAttr.Pdeathsig)
			_ = c.Wait() // it was told to end
		}
	}
}

// startEmbedded starts mockpostgrest, without a path in memory.
func (b *bench) startEmbedded(ctx context.Context, path string) (*server, error) {
	args := []string{"-listen", "127.0.0.1:0", "-tables", filepath.Join(b.dir, "tables.json")}
	if path != "" {
		args = append(args, "-data", path)
	}
	c := b.command(syscall.SIGKILL, nil, filepath.Join(b.dir, "mockpostgrest"), args...)
	c.Stderr = io.Discard
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := b.start(c); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("mockpostgrest did not start: %w", err)
	}
	took := time.Since(begun)
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on http://")
	if !ok {
		return nil, fmt.Errorf("mockpostgrest said %q", line)
	}
	return &server{name: "embedded", address: address, took: took, process: c}, ctx.Err()
}

// fill writes all rows through the API.
func (b *bench) fill(ctx context.Context, s *server) error {
	const batch = 5000
	for from := 0; from < b.rows; from += batch {
		body := rows(from, min(from+batch, b.rows), b.due)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/reminders", bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			return err
		}
		if res.StatusCode != http.StatusCreated {
			return fmt.Errorf("writing rows: %s: %s", res.Status, answer)
		}
	}
	return nil
}

// startGenuine starts PostgreSQL with the same rows, and PostgREST; missing says
// why it could not.
func (b *bench) startGenuine(ctx context.Context) (s *server, missing string, err error) {
	postgrest := os.Getenv("POSTGREST_BIN")
	if postgrest == "" {
		return nil, "POSTGREST_BIN is not set", nil
	}
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed
	if len(bins) == 0 {
		return nil, "there is no PostgreSQL below /usr/lib/postgresql", nil
	}
	bin, owner := bins[len(bins)-1], (*syscall.Credential)(nil)
	data := filepath.Join(b.dir, "postgresql")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, "", err
	}
	if os.Geteuid() == 0 { // as whom PostgreSQL does not run
		if owner, err = unprivileged(); err != nil {
			return nil, err.Error(), nil
		}
		if err := os.Chown(data, int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, "", err
		}
	}
	b.progress("starting PostgreSQL")
	initdb := b.command(syscall.SIGKILL, owner, filepath.Join(bin, "initdb"), "--pgdata="+data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
	initdb.Dir = data
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	// PostgreSQL's defaults but for where it listens: fsync and synchronous_commit are on.
	postgres := b.command(syscall.SIGQUIT, owner, filepath.Join(bin, "postgres"), "-D", data, "-k", data, "-c", "listen_addresses=", "-c", "log_min_messages=fatal")
	postgres.Dir, postgres.Stderr = data, b.stderr
	if err := b.start(postgres); err != nil {
		return nil, "", err
	}
	psql := func(sql string) error {
		c := exec.CommandContext(ctx, filepath.Join(bin, "psql"), "--host="+data, "--username=postgres", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-")
		c.Stdin, c.Dir = strings.NewReader(sql), "/"
		out, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("psql: %w: %s", err, out)
		}
		return nil
	}
	if err := await(ctx, func() error { return psql("SELECT 1") }); err != nil {
		return nil, "", err
	}
	b.progress("writing %d rows in PostgreSQL", b.rows)
	if err := psql(schema(b.rows, b.due)); err != nil {
		return nil, "", err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, "", err
	}
	c := b.command(syscall.SIGTERM, nil, postgrest)
	c.Env = append(os.Environ(), "PGRST_DB_URI=postgres:///postgres?user=postgres&host="+data, "PGRST_DB_SCHEMAS=public", "PGRST_DB_ANON_ROLE=postgres",
		"PGRST_SERVER_HOST=127.0.0.1", "PGRST_SERVER_PORT="+port, "PGRST_DB_POOL="+strconv.Itoa(b.connections), "PGRST_LOG_LEVEL=crit")
	if err := b.start(c); err != nil {
		return nil, "", err
	}
	s = &server{name: "PostgREST", address: "127.0.0.1:" + port, process: c, behind: postgres}
	return s, "", await(ctx, func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/reminders?limit=1", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			return errors.Join(err, errors.New(res.Status))
		}
		return nil
	})
}

// await tries until something works.
func await(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // an address it has made
	return port, l.Close()
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		if found, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.ParseUint(found.Uid, 10, 32)
			gid, err2 := strconv.ParseUint(found.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}
