package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// effort is the processor time that something took, by who spent it. Unlike
// how long it took, it hardly depends on what else the machine does.
type effort struct{ program, postgrest, postgres time.Duration }

func (e effort) total() time.Duration { return e.program + e.postgrest + e.postgres }

// per is the effort for one of a number of things.
func (e effort) per(n int) effort {
	return effort{e.program / time.Duration(n), e.postgrest / time.Duration(n), e.postgres / time.Duration(n)}
}

func (e effort) plus(more effort) effort {
	return effort{e.program + more.program, e.postgrest + more.postgrest, e.postgres + more.postgres}
}

func (e effort) since(before effort) effort {
	return effort{e.program - before.program, e.postgrest - before.postgrest, e.postgres - before.postgres}
}

// spent is the effort so far.
func (e *engine) spent() effort {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		e.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(e.value("SHOW data_directory"), "postmaster.pid"))
	if err != nil {
		e.Fatal(err)
	}
	master, _, _ := strings.Cut(string(file), "\n")
	spent := effort{program: time.Duration(own.Utime.Nano() + own.Stime.Nano())}
	processes, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, process := range processes {
		// The name, in parentheses, may contain anything; what follows are
		// numbers, of which the second is the parent, the 12th to 15th the
		// times: its own and those of children it has waited for.
		stat, err := os.ReadFile(process)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		pid := filepath.Base(filepath.Dir(process))
		switch {
		case pid == master:
			spent.postgres += ticks(fields[11:15])
		case fields[1] == master:
			spent.postgres += ticks(fields[11:13])
		case pid == fmt.Sprint(e.postgrest.Pid):
			spent.postgrest += ticks(fields[11:13])
		}
	}
	return spent
}

// ticks adds up times, which Linux tells in hundredths of a second.
func ticks(fields []string) (sum time.Duration) {
	for _, field := range fields {
		n, _ := strconv.ParseInt(field, 10, 64)
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum
}
