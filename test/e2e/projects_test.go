package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestABrokenProject is served all the same, and everyone who asks is told what is
// wrong: doctor, health, the project, its pipelines, a job.
func TestABrokenProject(t *testing.T) {
	t.Parallel()
	dir := project(t, "broken")
	s := serve(t, setup{projects: []string{dir}})
	const module = "a_module_that_nobody_has"
	known(t, s)

	health, err := s.Health(within(t))
	require.NoError(t, err)
	require.Equal(t, "degraded", health.Status)
	require.Equal(t, "degraded", health.Checks["projects"].Status)
	projects, err := s.Projects(within(t))
	require.NoError(t, err)
	require.NotNil(t, projects[0].Error)
	require.Equal(t, "ModuleNotFoundError", projects[0].Error.Type)
	require.Contains(t, projects[0].Error.Message, module)
	require.Contains(t, projects[0].Error.Traceback, "pipeline_registry.py")

	job := s.run(t, "__default__", nil)
	require.Equal(t, "failed", job.Status)
	require.Equal(t, "start_error", text(job.Reason), explain(job))
	require.Contains(t, text(job.ErrorMessage), module)
	require.Contains(t, text(job.ErrorMessage), python+" -m pip install "+module)

	doctor := run0(t, s.setup.dir, nil, s.setup.flags("doctor")...)
	require.Equal(t, 1, doctor.code, "%s", doctor)
	require.Contains(t, doctor.out, module)
	require.Contains(t, doctor.out, "pip install")

	write(t, filepath.Join(dir, "src", "broken", "pipeline_registry.py"), "def register_pipelines():\n    return {}\n")
	_, err = s.RefreshPipelines(within(t), "")
	require.NoError(t, err)
	eventually(t, "the mended project is well", func() bool {
		health, err := s.Health(t.Context())
		return err == nil && health.Status == "ok"
	})
}

// TestNoKedro: an interpreter without it.
func TestNoKedro(t *testing.T) {
	t.Parallel()
	dir := project(t, "minimal")
	bare := filepath.Join(dir, ".venv", "bin", "python")
	out, err := exec.CommandContext(within(t), python, "-m", "venv", "--without-pip", filepath.Join(dir, ".venv")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s := serve(t, setup{projects: []string{dir}, python: "none"})
	require.Contains(t, s.Line, bare, "the project's own environment is found")
	known(t, s)
	health, err := s.Health(within(t))
	require.NoError(t, err)
	require.Equal(t, "degraded", health.Status)

	job := s.run(t, "sum", nil)
	require.Equal(t, "start_error", text(job.Reason), explain(job))
	require.Contains(t, text(job.ErrorMessage), "kedro")
	require.Contains(t, text(job.ErrorMessage), bare+" -m pip install")
	doctor := run0(t, s.setup.dir, nil, s.setup.flags("doctor")...)
	require.Equal(t, 1, doctor.code, "%s", doctor)
	require.Contains(t, doctor.out, "Kedro")
	require.Contains(t, doctor.out, "pip install")
}

// TestDoctor on a project that is well, and on one whose configuration reads a
// variable that a run would not see.
func TestDoctor(t *testing.T) {
	t.Parallel()
	dir := project(t, "minimal")
	data := filepath.Join(t.TempDir(), "data")
	flags := setup{projects: []string{dir}, data: data}.flags("doctor")
	well := run0(t, t.TempDir(), nil, flags...)
	require.Zero(t, well.code, "%s", well)
	for _, part := range []string{"Kedro: 1.", "Python: 3.", python, dir, "later_failure"} {
		require.Contains(t, well.out, part)
	}
	require.NoDirExists(t, data, "doctor only looks")

	write(t, filepath.Join(dir, "conf", "base", "credentials.yml"), "shop: {password: \"${oc.env:SHOP_PASSWORD}\"}\n")
	missing := run0(t, t.TempDir(), nil, flags...)
	require.Zero(t, missing.code, "it stops no other pipeline: %s", missing)
	require.Contains(t, missing.out, "SHOP_PASSWORD")
	require.NotContains(t, run0(t, t.TempDir(), []string{"SHOP_PASSWORD=x"}, flags...).out, "SHOP_PASSWORD")
}

// TestFindingProjectAndInterpreter: each way to say which project.
func TestFindingProjectAndInterpreter(t *testing.T) {
	t.Parallel()
	dir := project(t, "minimal")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "deep", "inside"), 0o755))
	for name, s := range map[string]setup{
		"inside":                {dir: dir},
		"below":                 {dir: filepath.Join(dir, "deep", "inside")},
		"KEDRO_PROJECT_PATH":    {env: []string{"KEDRO_PROJECT_PATH=" + dir}},
		"KEDROD_PROJECT":        {env: []string{"KEDROD_PROJECT=" + dir}},
		"a virtual environment": {projects: []string{dir}, python: "none", env: []string{"VIRTUAL_ENV=" + filepath.Dir(filepath.Dir(python))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, s)
			require.Contains(t, srv.Line, dir)
			require.Contains(t, srv.Line, python)
			all, err := srv.Projects(within(t))
			require.NoError(t, err)
			require.Len(t, all, 1)
			require.Equal(t, "minimal", all[0].Name)
		})
	}
}

// TestServeRefusesToStart, and says what to do.
func TestServeRefusesToStart(t *testing.T) {
	t.Parallel()
	dir := project(t, "minimal")
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"no project", "--project", []string{"serve"}},
		{"not a project", "pyproject.toml", []string{"serve", "--project", t.TempDir()}},
		{"no such interpreter", "--python", []string{"serve", "--project", dir, "--python", "/does/not/exist"}},
		{"an address others can reach", "--insecure-no-auth", []string{"serve", "--project", dir, "--listen", "0.0.0.0:0"}},
		{"an unknown flag", "--listen", []string{"serve", "--project", dir, "--lisen", "127.0.0.1:0"}},
		{"a later setting", "not supported", []string{"serve", "--project", dir, "--celery-broker", "redis://localhost/0"}},
		{"a later setting's value", "not supported", []string{"serve", "--project", dir, "--warm", "on"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := append(slices.Clone(c.args), "--data-dir", filepath.Join(t.TempDir(), "data"))
			if c.name != "an address others can reach" && c.name != "an unknown flag" {
				args = append(args, "--listen", "127.0.0.1:0")
			}
			r := run0(t, t.TempDir(), nil, args...)
			require.Equal(t, 2, r.code, "%s", r)
			require.Empty(t, r.out)
			require.Contains(t, r.err, c.says)
		})
	}
}

// TestASecondServeOnOneFolder is refused by the folder's name, with what to do.
func TestASecondServeOnOneFolder(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "minimal")}, data: filepath.Join(t.TempDir(), "data")})
	r := run0(t, t.TempDir(), nil, s.setup.flags("serve")...)
	require.Equal(t, 1, r.code, "%s", r)
	for _, part := range []string{s.Data, "--config", "--data-dir", "--listen"} {
		require.Contains(t, r.err, part)
	}
	require.Equal(t, "completed", s.run(t, "sum", nil).Status, "the first is not disturbed")
}

// TestTwoProjectsInOneConfig have pipelines, jobs and environments of their own.
func TestTwoProjectsInOneConfig(t *testing.T) {
	t.Parallel()
	first, second := project(t, "minimal"), project(t, "hooks_off")
	file := filepath.Join(t.TempDir(), "kedrod.yaml")
	write(t, file, "projects:\n  - {path: "+first+", python: "+python+"}\n  - {name: quiet, path: "+second+", python: "+python+"}\n")
	s := serve(t, setup{python: "none", args: []string{"--config", file}})
	known(t, s)

	_, p := s.post(t, "/api/v1/jobs", `{"pipeline_name": "__default__"}`)
	require.Equal(t, 422, p.Status)
	require.Equal(t, "project", p.Errors[0].Field)
	require.Contains(t, p.Detail, "minimal")
	require.Contains(t, p.Detail, "quiet")
	_, p = s.post(t, "/api/v1/jobs", `{"pipeline_name": "__default__", "project": "quit"}`)
	require.Equal(t, "unknown_project", p.Code)
	require.Contains(t, p.Detail, "quiet")

	r := s.cli(t, "submit", "__default__", "--project", "quiet", "--wait")
	require.Zero(t, r.code, "%s", r)
	r = s.cli(t, "submit", "sum", "--project", "minimal", "--wait")
	require.Zero(t, r.code, "%s", r)
	r = s.cli(t, "ps")
	require.Contains(t, r.out, "minimal")
	require.Contains(t, r.out, "quiet")
	require.Contains(t, s.cli(t, "projects").out, second)
}

// TestWithoutTheHook: a project may turn it off. Nodes and progress then come from
// Kedro's log.
func TestWithoutTheHook(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "hooks_off")}})
	known(t, s)
	job := s.run(t, "__default__", nil)
	require.Equal(t, "completed", job.Status, explain(job))
	require.Equal(t, 3, job.Progress.Done)
	require.Equal(t, 3, job.Progress.Total)
	job = s.run(t, "fail", nil)
	require.Equal(t, "pipeline_error", text(job.Reason), explain(job))
	require.Contains(t, text(job.ErrorMessage), "ValueError: no luck")
	require.Equal(t, 3, job.Progress.Done)
	require.Equal(t, 4, job.Progress.Total)
	nodes, err := s.Nodes(within(t), job.ID)
	require.NoError(t, err)
	require.Len(t, nodes, 4)
	require.Equal(t, "failed", nodes[3].Status)
}
