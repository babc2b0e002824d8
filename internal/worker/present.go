package worker

import (
	"errors"
	"io/fs"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/kedro"
)

// folderGone tells a project that vanished between claim and start.
func folderGone(e *executor.StartError) bool {
	return e.Kind == executor.DirNotFound && errors.Is(e.Err, fs.ErrNotExist)
}

// present names the projects whose folder is there. The jobs of another wait for it:
// a disk that is away for a while must not fail them all.
func (w *Worker) present() []string {
	names := make([]string, 0, len(w.names))
	for _, name := range w.names {
		p := w.projects[name]
		if gone := kedro.Gone(p.Path); gone != w.gone[name] {
			w.gone[name] = gone
			if gone {
				w.o.Log.Error("the project's folder is gone or empty: its jobs wait until it is back", "project", name, "path", p.Path)
			} else {
				w.o.Log.Info("the project's folder is back: its jobs run again", "project", name)
			}
		}
		if !w.gone[name] {
			names = append(names, name)
		}
	}
	return names
}
