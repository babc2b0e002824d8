package executor

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRun is a whole run of /bin/true, start to reaped. BenchmarkForkWait is what the system itself takes for it.
func BenchmarkRun(b *testing.B) {
	e := newExecutor(b)
	out, err := os.OpenFile(filepath.Join(b.TempDir(), "out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(b, err)
	defer out.Close()
	i := 0
	for b.Loop() {
		i++
		r, err := e.Start(b.Context(), Spec{RunID: strconv.Itoa(i), Argv: []string{"/bin/true"}, Env: plainEnv, Output: out})
		if err != nil {
			b.Fatal(err)
		}
		if r.Exit().Code != 0 {
			b.Fatal("exit")
		}
	}
}

func BenchmarkForkWait(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(b, err)
	defer null.Close()
	for b.Loop() {
		p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{Files: []*os.File{null, null, null}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}
