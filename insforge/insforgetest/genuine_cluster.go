package insforgetest

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// engine is where the programs are.
type engine struct {
	postgrest  string
	postgresql string // directory of initdb, postgres and psql
}

// findEngine looks for the programs; reason says what is missing.
func findEngine() (e engine, reason string) {
	if !canSupervise {
		return e, "not supported on this system"
	}
	binary := os.Getenv("POSTGREST_BIN")
	if binary == "" {
		return e, "POSTGREST_BIN is not set"
	}
	path, err := exec.LookPath(binary)
	if err != nil {
		return e, "POSTGREST_BIN: " + err.Error()
	}
	if path, err = filepath.Abs(path); err != nil {
		return e, "POSTGREST_BIN: " + err.Error()
	}
	e.postgrest = path
	for _, dir := range postgresqlDirs() {
		if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err == nil {
			e.postgresql = dir
			return e, ""
		}
	}
	return e, "no PostgreSQL server programs: neither where pg_config says nor below /usr/lib/postgresql"
}

func postgresqlDirs() []string {
	var dirs []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	// Debian keeps the server's programs out of PATH, one directory a version.
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed
	return append(dirs, installed...)
}

// A cluster is a running PostgreSQL server with the roles that PostgREST wants.
type cluster struct {
	dir       string // data, log and socket
	bin       string
	process   *process
	databases atomic.Int64
}

// sharedCluster starts PostgreSQL at the first call. It stays until the process ends, in whatever way: stopping it with
// the last test that uses it would start it anew for every test of a sequential suite.
var sharedCluster = sync.OnceValues(startCluster)

func startCluster() (*cluster, error) {
	engine, reason := findEngine()
	if reason != "" {
		return nil, errors.New(reason)
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := owner.mkdirTemp("postgresql-")
	if err != nil {
		return nil, err
	}
	// Text sorts by code point, as in the embedded server, but knows upper and lower case beyond ASCII. QUIT stops at once
	// without writing anything out: nobody will read these files again.
	process, err := supervise(dir, owner, "QUIT", nil, "/bin/sh", "-c", `
		"$0/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 --lc-collate=C --lc-ctype=C.UTF-8 --no-sync &&
		exec "$0/postgres" -D data -k "$PWD" -c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
			-c max_connections=400 -c timezone=UTC -c jit=off`, engine.postgresql)
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, bin: engine.postgresql, process: process}
	if err := process.await(func(context.Context) error {
		_, err := c.psql("postgres", "SELECT 1")
		return err
	}); err != nil {
		return nil, errors.Join(err, process.stop())
	}
	// What is written into template1 is in every database from the start.
	if _, err := c.psql("template1", `
		CREATE ROLE anon NOLOGIN;
		CREATE ROLE authenticated NOLOGIN;
		CREATE ROLE service_role NOLOGIN BYPASSRLS;
		CREATE ROLE authenticator LOGIN NOINHERIT;
		GRANT anon, authenticated, service_role TO authenticator;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO service_role;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO service_role;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO service_role;`); err != nil {
		return nil, errors.Join(err, process.stop())
	}
	return c, nil
}

func (c *cluster) createDatabase() (name string, err error) {
	name = "test" + strconv.FormatInt(c.databases.Add(1), 10)
	_, err = c.psql("postgres", "CREATE DATABASE "+name)
	return name, err
}

func (c *cluster) dropDatabase(name string) error {
	_, err := c.psql("postgres", "DROP DATABASE "+name+" WITH (FORCE)")
	return err
}

// psql runs sql as the superuser and returns the rows of its results.
func (c *cluster) psql(database, sql string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "psql"), "--host="+c.dir, "--username=postgres", "--dbname="+database,
		"--no-psqlrc", "--quiet", "--csv", "--tuples-only", "--pset=null=NULL", "--set=ON_ERROR_STOP=1", "--file=-")
	cmd.Env, cmd.Dir = environment, c.dir
	cmd.Stdin = strings.NewReader(sql)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("psql: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	rows := csv.NewReader(&stdout)
	rows.FieldsPerRecord = -1 // several statements, several shapes
	return rows.ReadAll()
}

// environment is what our programs see: nothing of the PG… variables of whoever runs the test.
var environment = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}

// A process is a program that ends with us. A shell stands between: it reads from a pipe that only we hold, so it notices
// when we are gone, by whatever end, and then stops the program, with what it started, and removes its directory.
type process struct {
	dir   string
	shell *exec.Cmd
	leash io.Closer // a process nobody refers to any more ends, too: the collector closes the pipe
	once  sync.Once
}

// The shell leads a process group: its last signal goes to everyone in it, such as an initdb that is still busy.
const keeper = `
exec 3<&0
"$@" 3<&- </dev/null >log 2>&1 &
program=$!
trap "" TERM
{ read -r _ <&3; kill -s "$SIGNAL" $program; kill -s TERM 0; } 2>/dev/null &
wait $program
echo $? >exited
wait
cd /
rm -rf "$DIRECTORY" || { sleep 1; rm -rf "$DIRECTORY"; }
`

// supervise starts a program in dir, which it owns from now on.
func supervise(dir string, as *user, signal string, env []string, program ...string) (*process, error) {
	shell := exec.Command("/bin/sh", append([]string{"-c", keeper, "keeper"}, program...)...)
	shell.Dir = dir
	shell.Env = append(append([]string{"SIGNAL=" + signal, "DIRECTORY=" + dir}, environment...), env...)
	as.applyTo(shell)
	leash, err := shell.StdinPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &process{dir: dir, shell: shell, leash: leash}, nil
}

// await tries ready until it succeeds, the program ends or time is up.
func (p *process) await(ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if _, statErr := os.Stat(filepath.Join(p.dir, "exited")); statErr == nil {
			return fmt.Errorf("it ended:\n%s", p.log())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w\n%s", err, p.log())
		case <-ticker.C:
		}
	}
}

func (p *process) log() []byte {
	log, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(log)
}

// stop ends the program and waits until nothing is left of it.
func (p *process) stop() (err error) {
	p.once.Do(func() { err = errors.Join(p.leash.Close(), p.shell.Wait()) })
	return err
}
