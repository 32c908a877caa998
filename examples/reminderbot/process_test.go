package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what should come soon.
const patience = 60 * time.Second

// binary builds the command, once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "reminderbot-test-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "reminderbot")
	out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return file, nil
})

// atATime is how many tests run side by side unless -parallel says otherwise.
// They spend their time waiting: for a nudge, for a lease that runs out, for a
// browser. As many as there are cores would wait one after the other.
const atATime = "8"

func TestMain(m *testing.M) {
	if file := os.Getenv(wallVariable); file != "" {
		os.Exit(serveByWall(file))
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atATime); err != nil {
			panic(err)
		}
	}
	status := m.Run()
	if file, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(file))
	}
	os.Exit(status)
}

// process is the command as a process of its own, which can be killed and
// started again with the same settings.
type process struct {
	*testing.T
	dir     string
	file    string // what runs; empty: the command
	environ []string
	addr    string // its HTTP_ADDR
	cmd     *exec.Cmd
	ended   chan struct{}
	mu      sync.Mutex
	stderr  strings.Builder // of all its lives
}

// newProcess prepares the command; nothing of this process's environment but
// the search path reaches it.
func newProcess(t *testing.T, environ ...string) *process {
	t.Helper()
	addr := freeAddr(t)
	p := &process{T: t, dir: t.TempDir(), addr: addr,
		environ: append([]string{"PATH=" + os.Getenv("PATH"), "HTTP_ADDR=" + addr}, environ...)}
	_, half, _ := strings.Cut(telegramToken, ":")
	t.Cleanup(func() { require.NotContains(t, p.log(), half, "whatever was done to it, no secret is in its log") })
	return p
}

// handedOut are the ports that tests have.
var handedOut sync.Map

// freeAddr is an address that a process can listen on now, and again after it
// was killed. It lies below the ports that the kernel gives to connections, so
// that none of those takes it in between.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.N(16_000))
		if _, taken := handedOut.LoadOrStore(addr, true); taken {
			continue
		}
		if listener, err := net.Listen("tcp", addr); err == nil {
			require.NoError(t, listener.Close())
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start runs the command until it is killed or stopped, at the end of the test
// at the latest.
func (p *process) start() {
	p.Helper()
	file, err := p.file, error(nil)
	if file == "" {
		file, err = binary()
	}
	require.NoError(p, err)
	p.cmd = exec.Command(file)
	p.cmd.Dir, p.cmd.Env = p.dir, p.environ
	stderr, err := p.cmd.StderrPipe()
	require.NoError(p, err)
	require.NoError(p, p.cmd.Start())
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.mu.Lock()
			p.stderr.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
		_ = cmd.Wait()
	}(p.cmd, p.ended)
	p.Cleanup(p.kill)
	p.waitReady()
}

// waitReady waits until the process answers for its health.
func (p *process) waitReady() {
	p.Helper()
	require.Eventually(p, func() bool {
		status, _, err := p.get("/healthz")
		return err == nil && status == http.StatusOK
	}, patience, 20*time.Millisecond, "the process does not come up; its log:\n%s", (*logOf)(p))
}

// kill ends the process as a power cut does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop ends the process as a service manager does.
func (p *process) stop() {
	p.Helper()
	began := time.Now()
	require.NoError(p, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.Fatalf("the process does not stop; its log:\n%s", p.log())
	}
	require.Zero(p, p.cmd.ProcessState.ExitCode(), "its log:\n%s", p.log())
	require.Less(p, time.Since(began), 10*time.Second)
}

// logOf is a process whose log is read only when it is printed.
type logOf process

func (l *logOf) String() string { return (*process)(l).log() }

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

func (p *process) get(path string) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
