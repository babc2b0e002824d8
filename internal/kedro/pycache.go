package kedro

import (
	"os"
	"path/filepath"
)

// PycachePrefix is what PYTHONPYCACHEPREFIX should be for a project: "" where Python
// can keep its compiled files beside the sources, or already has; else a cache of
// ours, since starting without any costs several times as much. The cache hides
// compiled files that lie beside the sources, also those of installed packages, so
// the registry helper is given the same value and fills it before the first run.
func PycachePrefix(p Project, cacheDir string) string {
	dir := filepath.Join(p.SourceDir, filepath.FromSlash(packagePath(p.Package)))
	if writable(dir) {
		return ""
	}
	if _, err := os.Stat(filepath.Join(dir, "__pycache__")); err == nil {
		return ""
	}
	return filepath.Join(cacheDir, "pycache")
}
