package config

import "github.com/spf13/pflag"

// StoreAt says where jobs are kept.
type StoreAt struct {
	DataDir     string // may not exist
	DatabaseURL string // "": SQLite in DataDir
}

// AddStoreFlags adds the flags that say which store is meant.
func AddStoreFlags(flags *pflag.FlagSet) {
	flags.String("config", "", "settings file that names the data folder or the database, as for serve")
	flags.String("data-dir", "", "work on the store in this data folder, whether a server runs on it or not")
	flags.String("database-url", "", "work on the store in this PostgreSQL database, whether a server runs on it or not")
	flags.String("database-url-file", "", "file that holds the database's URL")
}

// NamesStore reports whether one of those flags was given.
func NamesStore(flags *pflag.FlagSet) bool {
	for _, name := range []string{"config", "data-dir", "database-url", "database-url-file"} {
		if f := flags.Lookup(name); f != nil && f.Changed {
			return true
		}
	}
	return false
}

// FindStore gives the store that serve would use under the same flags, variables and
// file, and nothing else of the settings. A data folder that is named by a flag is meant,
// wherever else a database may be named.
func FindStore(flags *pflag.FlagSet, environ []string, cwd string) (StoreAt, error) {
	l := newLoader(flags, environ, cwd)
	if err := l.readFile(); err != nil {
		return StoreAt{}, err
	}
	for _, s := range settings() {
		switch s.key {
		case "data_dir", "database_url", "database_url_file":
			l.layer(s)
		}
	}
	if err := l.wrong.fault(); err != nil {
		return StoreAt{}, err
	}
	at := StoreAt{DataDir: l.dataDir()}
	if l.values["data_dir"].rank() < 3 || max(l.values["database_url"].rank(), l.values["database_url_file"].rank()) == 3 {
		var err error
		if at.DatabaseURL, err = l.databaseURL(); err != nil {
			return StoreAt{}, err
		}
	}
	if at.DataDir == "" && at.DatabaseURL == "" {
		return StoreAt{}, noHome()
	}
	return at, nil
}
