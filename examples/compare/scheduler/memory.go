package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// idleMemory returns the resident memory, in MB, of the built service after it
// has been idle for a while.
func (e *engine) idleMemory(idle time.Duration) float64 {
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		e.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "reminderbot")
	_, here, _, _ := runtime.Caller(0) // the working directory may be any
	if out, err := exec.CommandContext(e.ctx, "go", "-C", filepath.Join(filepath.Dir(here), "../../.."), "build", "-o", file, "./examples/reminderbot").CombinedOutput(); err != nil {
		e.Fatalf("build the service: %v\n%s", err, out)
	}
	const token = "123456:a-token-for-the-benchmark-000000000"
	telegram := telegramtest.Start(e, telegramtest.WithToken(token))
	service := exec.Command(file)
	service.Dir = dir
	service.Env = []string{"PATH=" + os.Getenv("PATH"), "HTTP_ADDR=127.0.0.1:0", "TELEGRAM_BOT_TOKEN=" + token, "TELEGRAM_API_URL=" + telegram.URL,
		"INSFORGE_URL=" + e.url, "INSFORGE_DIALECT=postgrest", "INSFORGE_API_KEY=" + e.key}
	if err := service.Start(); err != nil {
		e.Fatal(err)
	}
	time.Sleep(idle)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", service.Process.Pid))
	_ = service.Process.Signal(syscall.SIGTERM)
	_ = service.Wait()
	if err != nil {
		e.Fatal(err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		e.Fatal("the service has no resident memory: has it ended?")
	}
	kB, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		e.Fatal(err)
	}
	return kB / 1024
}
