package kedro

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed helper/registry.py helper/hook/kedrod_hook.py helper/hook/kedrod_hook-1.0.dist-info
var helperFiles embed.FS

// HookDistribution is the name a project would disable our hook by
// (DISABLE_HOOKS_FOR_PLUGINS).
const HookDistribution = "kedrod-hook"

// Helpers are our Python files, on disk.
type Helpers struct {
	HookDir  string // goes first on PYTHONPATH
	Registry string // registry.py
}

// UnpackHelpers puts the embedded Python files below dataDir/helper/<hash>, private
// to this user, once for each set of contents. Any number of processes may do it at
// once: a folder appears whole or not at all.
func UnpackHelpers(dataDir string) (Helpers, error) {
	sum := sha256.New()
	files := map[string][]byte{}
	err := fs.WalkDir(helperFiles, "helper", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := helperFiles.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s\x00%d\x00", path, len(content))
		sum.Write(content)
		rel, err := filepath.Rel("helper", filepath.FromSlash(path))
		files[rel] = content
		return err
	})
	if err != nil {
		return Helpers{}, fmt.Errorf("read the embedded helpers: %w", err)
	}
	parent, err := filepath.Abs(filepath.Join(dataDir, "helper"))
	if err != nil {
		return Helpers{}, fmt.Errorf("make %s absolute: %w", dataDir, err)
	}
	dir := filepath.Join(parent, hex.EncodeToString(sum.Sum(nil))[:16])
	h := Helpers{HookDir: filepath.Join(dir, "hook"), Registry: filepath.Join(dir, "registry.py")}
	if intact(dir, files) {
		return h, nil
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return Helpers{}, fmt.Errorf("make the helpers' folder: %w", err)
	}
	if err := unpack(parent, dir, files); err != nil {
		return Helpers{}, fmt.Errorf("unpack the helpers: %w", err)
	}
	return h, nil
}

// intact reports whether every file is there with its content.
func intact(dir string, files map[string][]byte) bool {
	for rel, content := range files {
		have, err := os.ReadFile(filepath.Join(dir, rel))
		if err != nil || string(have) != string(content) {
			return false
		}
	}
	return true
}

func unpack(parent, dir string, files map[string][]byte) error {
	temporary, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }() // gone already when all went well
	for rel, content := range files {
		path := filepath.Join(temporary, rel)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	err = os.Rename(temporary, dir)
	if err == nil || intact(dir, files) { // another process was first
		return nil
	}
	if !errors.Is(err, fs.ErrExist) && !isNotEmpty(err) {
		return err
	}
	// What lies there is damaged: move it aside and try once more.
	damaged, mkErr := os.MkdirTemp(parent, ".old-")
	if mkErr != nil {
		return mkErr
	}
	defer func() { _ = os.RemoveAll(damaged) }() // what stays is only in the way
	if err := os.Rename(dir, filepath.Join(damaged, "x")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil && !intact(dir, files) {
		return err
	}
	return nil
}
