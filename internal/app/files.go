package app

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// Backup writes the jobs of a data folder into a new file, also while it is served.
func Backup(ctx context.Context, dir, to string) error {
	return sqlite.Backup(ctx, jobsFile(dir), to)
}

// Restore puts a backup into a data folder that nobody serves. aside is where the
// jobs that were there are now, "" if there were none.
func Restore(ctx context.Context, dir, from string) (aside string, err error) {
	f, err := openFolder(ctx, dir)
	if fault.Is(err, fault.Conflict) {
		return "", fault.Newf(fault.Conflict, "a kedrod serve uses the data folder %s: stop it, restore, and start it again; or restore into another folder with --data-dir", dir)
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	return sqlite.Restore(ctx, from, jobsFile(dir), time.Now())
}

// Import takes over the jobs of a jobs.db of the stack that kedrod replaces, also
// while the data folder is served. project is the name that they get; "": that of the
// only project of the settings. The audit names the file.
func Import(ctx context.Context, cfg config.Config, environ []string, from, project string, resubmit bool) (done sqlite.Imported, err error) {
	if project == "" || resubmit { // what waits again needs somebody to run it
		found, err := findProjects(cfg, environ, nil)
		if err != nil {
			return done, err
		}
		if project, err = projectOf(found, project); err != nil {
			return done, err
		}
	}
	if err := makeFolder(cfg.DataDir); err != nil {
		return done, err
	}
	db, err := sqlite.Open(ctx, jobsFile(cfg.DataDir), sqlite.Options{})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	who := localName()
	ctx, _ = store.WithAudit(ctx, store.AuditEntry{
		At: job.Truncate(time.Now()), Who: &who, Call: "import", Target: filepath.Base(from), Outcome: store.AuditDone, Address: "local",
	})
	return db.Import(ctx, from, sqlite.ImportOptions{Project: project, Resubmit: resubmit})
}

// projectOf finds the project that jobs are to belong to; the only one where none is
// named.
func projectOf(found []foundProject, name string) (string, error) {
	var names []string
	for i := range found {
		names = append(names, found[i].project.Name)
	}
	switch {
	case name == "" && len(names) == 1:
		return names[0], nil
	case name == "":
		return "", fault.InvalidField("as", "several projects are served: say by --as which of them the jobs belong to: "+strings.Join(names, ", "))
	case !slices.Contains(names, name):
		return "", fault.InvalidField("as", "no such project is in the settings, so nobody would run what waits again; there is: "+strings.Join(names, ", "))
	}
	return name, nil
}
