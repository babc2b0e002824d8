package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoopAnswersRunsItselfAndHandsTheRestOn(t *testing.T) {
	work := t.TempDir()
	python := filepath.Join(work, "python")
	require.NoError(t, os.WriteFile(python, []byte("#!/bin/sh\necho real \"$@\"\n"), 0o755))
	n, err := newNoop(work, python)
	require.NoError(t, err)
	for _, test := range []struct {
		args []string
		out  string
	}{
		{[]string{"run", "--pipeline", "p"}, ""},
		{[]string{"-m", "kedro", "run", "--config", "a b"}, ""},
		{[]string{"-c", "import kedro"}, "real -c import kedro\n"},
		{[]string{"helper.py", "rerun"}, "real helper.py rerun\n"},
	} {
		out, err := exec.Command(n.path, test.args...).Output()
		require.NoError(t, err)
		require.Equal(t, test.out, string(out), test.args)
	}

	started, end, err := n.listen()
	require.NoError(t, err)
	require.NoError(t, exec.Command(n.path, "-m", "kedro", "run").Run())
	<-started
	require.NoError(t, end())
	floor, err := n.floor(t.Context())
	require.NoError(t, err)
	require.Positive(t, floor)
}
