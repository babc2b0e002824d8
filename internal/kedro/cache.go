package kedro

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// cacheFile is a registry on disk. Format grows when its shape does: an older file
// is then read anew.
type cacheFile struct {
	Format      int      `json:"format"`
	Project     string   `json:"project"` // path
	Python      string   `json:"python"`  // path
	Helper      string   `json:"helper"`  // path; carries the helper's hash
	Fingerprint string   `json:"fingerprint"`
	Registry    Registry `json:"registry"`
}

const cacheFormat = 1

func cachePath(dir string, in Inspector) string {
	sum := sha256.Sum256([]byte(in.Project.Path + "\x00" + in.Python.Path))
	return filepath.Join(dir, "registry-"+hex.EncodeToString(sum[:8])+".json")
}

// readCache reads the cache; anything wrong with it counts as none.
//
//kedrod:parser FuzzReadCache
func readCache(dir string, in Inspector) (cacheFile, bool) {
	text, err := os.ReadFile(cachePath(dir, in))
	if err != nil {
		return cacheFile{}, false
	}
	var c cacheFile
	if json.Unmarshal(text, &c) != nil || c.Format != cacheFormat || c.Project != in.Project.Path || c.Python != in.Python.Path || c.Helper != in.Helpers.Registry {
		return cacheFile{}, false
	}
	return c, true
}

// writeCache replaces the cache whole; it is not worth an fsync.
func writeCache(dir string, in Inspector, r Registry, fingerprint string) error {
	text, err := json.Marshal(cacheFile{
		Format: cacheFormat, Project: in.Project.Path, Python: in.Python.Path, Helper: in.Helpers.Registry, Fingerprint: fingerprint, Registry: r,
	})
	if err != nil {
		return fmt.Errorf("write the registry: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, ".registry-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already when all went well
	if _, err := temporary.Write(text); err != nil {
		temporary.Close()
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), cachePath(dir, in))
}
