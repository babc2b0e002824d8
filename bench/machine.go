package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// facts are what the figures depend on: machine, versions, the cost of making one write durable.
func facts(ctx context.Context, o options, work string) []string {
	found := []string{
		fmt.Sprintf("%d cores (%s), Linux %s, %s/%s", runtime.NumCPU(), processor(), firstLine(os.ReadFile("/proc/sys/kernel/osrelease")),
			runtime.GOOS, runtime.GOARCH),
		fmt.Sprintf("one durable write (4 KB appended, fdatasync): p50 %.2f ms", milliseconds(durableWrite(work))),
		fmt.Sprintf("one new folder with two new files, as a run has: p50 %.2f ms", milliseconds(newFiles(work))),
		"load average before the run (0 on a machine to oneself): " + firstLine(os.ReadFile("/proc/loadavg")),
		said(ctx, o.kedrod, "version") + map[bool]string{true: ", without authentication", false: ", each call with a key"}[o.open],
		said(ctx, o.python, "--version") + ", Kedro " + said(ctx, o.python, "-c", "import kedro; print(kedro.__version__)"),
	}
	if o.yardstick != "" {
		found = append(found, "yardstick: "+said(ctx, filepath.Join(o.yardstickVenv, "bin", "python"), "-c",
			"from importlib.metadata import version\nprint(*(f'{n} {version(n)}' for n in ('fastapi', 'uvicorn', 'celery', 'redis')), sep=', ')")+
			"; "+said(ctx, "redis-server", "--version"))
	}
	return found
}

// said is the first line that a program prints.
func said(ctx context.Context, argv ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return firstLine(exec.CommandContext(ctx, argv[0], argv[1:]...).Output())
}

func firstLine(content []byte, err error) string {
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(content)), "\n")
	return line
}

func processor() string {
	content, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(content)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// durableWrite is the median over 100 of them, in the folder where the stacks' databases lie; 0 where it can't be told.
func durableWrite(folder string) time.Duration {
	file, err := os.CreateTemp(folder, "durable")
	if err != nil {
		return 0
	}
	defer func() { _ = os.Remove(file.Name()) }()
	defer file.Close()
	block := make([]byte, 4096)
	var took []time.Duration
	for range 100 {
		began := time.Now()
		if _, err := file.Write(block); err != nil {
			return 0
		}
		if err := file.Sync(); err != nil {
			return 0
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return quantile(took, 0.5)
}

// newFiles is the median over 300 of making a folder with two empty files; 0 where it can't be told. On ext4 it is many
// times as much for some minutes after many files were deleted, as their inodes are passed over one by one.
func newFiles(folder string) time.Duration {
	var took []time.Duration
	for i := range 300 {
		began := time.Now()
		run := filepath.Join(folder, "files", strconv.Itoa(i))
		if err := os.MkdirAll(run, 0o700); err != nil {
			return 0
		}
		for _, name := range []string{"config.json", "run.log"} {
			if err := os.WriteFile(filepath.Join(run, name), nil, 0o600); err != nil {
				return 0
			}
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return quantile(took, 0.5)
}
