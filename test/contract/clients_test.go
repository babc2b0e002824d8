package contract

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inhabited is a server with a worker that asks for keys. Its programs get where it is
// and keys of two roles.
func inhabited(t *testing.T) (*server, []string) {
	t.Helper()
	s := serve(t, project(t), t.TempDir(), "--concurrency", "1")
	admin := s.key(t, "admin")
	env := []string{"KEDROD_URL=" + s.URL, "ADMIN_KEY=" + admin, "RUNNER_KEY=" + s.key(t, "runner")}
	s.ready(t, admin)
	return s, env
}

// TestPythonClient generates a client with openapi-python-client from the live 3.1
// document, and uses it.
func TestPythonClient(t *testing.T) {
	t.Parallel()
	s, env := inhabited(t)
	dir := t.TempDir()
	out := tool(dir, "-m", "openapi_python_client", "generate", "--url", s.URL+"/openapi.json", "--meta", "none", "--output-path", "kedrod_client",
		"--fail-on-warning").must(t)
	require.NotContains(t, strings.ToLower(out), "warning")
	program := tool(dir, filepath.Join(root, "test", "contract", "python", "steps.py"))
	program.env = append(append(program.env, env...), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	require.Contains(t, program.must(t), "all steps done")
}

// TestTypeScriptClient generates types with openapi-typescript from the live 3.1
// document; a program that uses them with openapi-fetch must be of them, and run.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	s, env := inhabited(t)
	dir := t.TempDir()
	bin := filepath.Join(npm, "node_modules", ".bin")
	require.NoError(t, os.Symlink(filepath.Join(npm, "node_modules"), filepath.Join(dir, "node_modules")))
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, "test", "contract", "typescript"))))
	command{dir: dir, name: filepath.Join(bin, "openapi-typescript"), args: []string{s.URL + "/openapi.json", "-o", "kedrod.d.ts"}}.must(t)
	command{dir: dir, name: filepath.Join(bin, "tsc"), args: []string{"--project", "tsconfig.json"}}.must(t)
	require.Contains(t, command{dir: dir, name: "node", args: []string{"out/steps.js"}, env: env}.must(t), "all steps done")
}
