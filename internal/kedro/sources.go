package kedro

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what is looked at: a project beyond them is still watched, in part.
const (
	maxSourceFiles = 50_000
	maxSourceBytes = 16 << 20 // of one file; of a longer one size and time stand for its content
)

// fingerprint tells, by stat alone, whether the sources may have changed: a few
// milliseconds for some thousand files. site is where the interpreter looks for
// packages.
func fingerprint(p Project, site []string) string {
	sum := sha256.New()
	walkSources(p, func(rel string, info fs.FileInfo) {
		fmt.Fprintf(sum, "%s\x00%d\x00%d\x00", rel, info.Size(), info.ModTime().UnixNano())
	})
	for _, name := range installed(p, site, true) {
		io.WriteString(sum, name+"\x00")
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// gitStamp tells, by stat alone, whether the code's commit or its cleanness may have
// changed; "" outside of git. It is apart from fingerprint, since git's index changes
// with every `git status` and the registry does not.
func gitStamp(p Project) string {
	git := gitFolder(p.Path)
	if git == "" {
		return ""
	}
	var stamp strings.Builder
	for _, name := range []string{"HEAD", "index", "logs/HEAD"} {
		if info, err := os.Stat(filepath.Join(git, name)); err == nil {
			fmt.Fprintf(&stamp, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return stamp.String()
}

// sourceHash is over the contents of the same set, and over the names of the
// installed packages; equal on machines with the same code.
func sourceHash(p Project, site []string) string {
	sum := sha256.New()
	walkSources(p, func(rel string, info fs.FileInfo) {
		fmt.Fprintf(sum, "%s\x00%d\x00", rel, info.Size())
		if info.Size() > maxSourceBytes {
			fmt.Fprintf(sum, "%d\x00", info.ModTime().UnixNano())
			return
		}
		addFile(sum, filepath.Join(p.Path, rel))
	})
	for _, name := range installed(p, site, false) {
		io.WriteString(sum, name+"\x00")
	}
	return hex.EncodeToString(sum.Sum(nil))[:32]
}

func addFile(sum hash.Hash, path string) {
	file, err := os.Open(path)
	if err != nil {
		io.WriteString(sum, "unreadable\x00")
		return
	}
	defer file.Close()
	if _, err := io.Copy(sum, io.LimitReader(file, maxSourceBytes)); err != nil {
		io.WriteString(sum, "unreadable\x00")
	}
}

// walkSources visits, in a fixed order, the regular files of a project that decide
// what its registry holds; never data/, compiled files or hidden folders.
func walkSources(p Project, visit func(rel string, info fs.FileInfo)) {
	count := 0
	file := func(path string) {
		if count >= maxSourceFiles {
			return
		}
		info, err := os.Stat(path) // through links
		if err != nil || !info.Mode().IsRegular() {
			return
		}
		rel, err := filepath.Rel(p.Path, path)
		if err != nil {
			return
		}
		count++
		visit(rel, info)
	}
	for _, name := range []string{"pyproject.toml", "setup.cfg", "setup.py", "requirements.txt", ".env"} {
		file(filepath.Join(p.Path, name))
	}
	source := p.SourceDir
	if source == p.Path { // the package lies in the project's root, beside data/
		source = filepath.Join(p.Path, filepath.FromSlash(packagePath(p.Package)))
	}
	for _, root := range []string{source, filepath.Join(p.Path, "conf")} {
		real, err := filepath.EvalSymlinks(root)
		if err != nil {
			continue
		}
		_ = filepath.WalkDir(real, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil: // what can't be read is passed over: Kedro will say so itself
				return fs.SkipDir
			case d.IsDir() && path != real && skipFolder(d.Name()):
				return fs.SkipDir
			case !d.IsDir() && !strings.HasSuffix(d.Name(), ".pyc"):
				file(path)
			}
			return nil
		})
	}
}

// gitFolder is the .git of the repository that holds a folder, or "".
func gitFolder(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		git := filepath.Join(at, ".git")
		if info, err := os.Stat(git); err == nil && info.IsDir() {
			return git
		}
		if filepath.Dir(at) == at {
			return ""
		}
	}
}

func skipFolder(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__pycache__" || name == "node_modules" || strings.HasSuffix(name, ".egg-info")
}

// installed lists the packages that the interpreter finds: their dist-info folders,
// and with times also when each was last changed. The project's own folders are
// left out; editable installs show by their .pth files.
func installed(p Project, site []string, times bool) []string {
	var out []string
	for _, dir := range site {
		if dir == p.Path || strings.HasPrefix(dir, p.SourceDir) {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if !strings.HasSuffix(name, ".dist-info") && !strings.HasSuffix(name, ".egg-info") && !strings.HasSuffix(name, ".pth") && !strings.HasSuffix(name, ".egg-link") {
				continue
			}
			if times {
				if info, err := e.Info(); err == nil {
					name += fmt.Sprintf("\x00%d", info.ModTime().UnixNano())
				}
			}
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
