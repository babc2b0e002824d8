package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// yardstickStack is the stack to be measured beside: redis-server, a Celery worker with two processes, uvicorn; started as
// its README says.
type yardstickStack struct{ options options }

func (yardstickStack) name() string { return "yardstick" }

func (y yardstickStack) start(ctx context.Context, folder, kedro string) (*service, error) {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("the yardstick needs redis-server: %w", err)
	}
	redisPort, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	if kedro == "" {
		kedro = filepath.Join(filepath.Dir(y.options.python), "kedro")
	}
	s := &service{address: "127.0.0.1:" + port, health: "/api/v1/health", pipeline: y.options.pipeline}
	env := environment(
		"REDIS_URL=redis://127.0.0.1:"+redisPort+"/0", "JOBS_DB="+filepath.Join(folder, "jobs.db"),
		"KEDRO_PROJECT_PATH="+y.options.project, "KEDRO_BIN="+kedro,
		// Its folder is not ours to write into; what Python compiles is kept from round to round all the same.
		"PYTHONPATH="+y.options.yardstick, "PYTHONPYCACHEPREFIX="+filepath.Join(filepath.Dir(folder), "pycache"),
	)
	bin := filepath.Join(y.options.yardstickVenv, "bin")
	if err := s.launch(folder, "redis", env, redis, "--bind", "127.0.0.1", "--port", redisPort, "--save", "", "--dir", folder); err != nil {
		return s, err
	}
	if err := s.launch(folder, "celery", env, filepath.Join(bin, "celery"), "-A", "worker", "worker", "--loglevel=info", "--concurrency=2"); err != nil {
		return s, err
	}
	return s, s.launch(folder, "uvicorn", env, filepath.Join(bin, "uvicorn"), "main:app", "--port", port)
}
