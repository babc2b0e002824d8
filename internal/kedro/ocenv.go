package kedro

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kedrod/kedrod/internal/regular"
)

// EnvUse is a variable that a project's configuration reads with oc.env.
type EnvUse struct {
	Name     string
	File     string // the first that names it, relative to the project
	Optional bool   // a default is given
}

// ocEnv finds OmegaConf's resolver: ${oc.env:NAME} or ${oc.env:NAME,default}.
var ocEnv = regexp.MustCompile(`\$\{\s*oc\.env\s*:\s*([A-Za-z_][A-Za-z0-9_]*)\s*([,}])`)

const maxConfFile = 4 << 20

// EnvUses lists the variables that the YAML and JSON files below conf/ read, by
// name. It reads text and runs nothing, so that it also sees files of environments
// that are not in use.
//
//kedrod:parser FuzzEnvUses
func EnvUses(p Project) ([]EnvUse, error) {
	found := map[string]EnvUse{}
	root := filepath.Join(p.Path, "conf")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if d.IsDir() || !slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(path)) {
			return nil
		}
		// Through links, as Kedro reads it.
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > maxConfFile {
			return nil //nolint:nilerr // a file that went away or is no configuration names nothing
		}
		text, err := regular.Given(context.Background(), path, maxConfFile)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(p.Path, path)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, m := range ocEnv.FindAllStringSubmatch(line, -1) {
				use, known := found[m[1]]
				optional := m[2] == ","
				if !known {
					use = EnvUse{Name: m[1], File: rel, Optional: optional}
				}
				use.Optional = use.Optional && optional
				found[m[1]] = use
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]EnvUse, 0, len(found))
	for _, use := range found {
		out = append(out, use)
	}
	slices.SortFunc(out, func(a, b EnvUse) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
