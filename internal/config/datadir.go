package config

import "github.com/spf13/pflag"

// AddStoreFlags adds the flags that say which data folder is meant.
func AddStoreFlags(flags *pflag.FlagSet) {
	flags.String("config", "", "settings file that names the data folder, as for serve")
	flags.String("data-dir", "", "work on the store in this data folder, whether a server runs on it or not")
}

// DataDir gives the data folder that serve would use under the same flags, variables
// and file, and nothing else of the settings. It may not exist.
func DataDir(flags *pflag.FlagSet, environ []string, cwd string) (string, error) {
	l := newLoader(flags, environ, cwd)
	if err := l.readFile(); err != nil {
		return "", err
	}
	for _, s := range settings() {
		if s.key == "data_dir" {
			l.layer(s)
		}
	}
	if err := l.wrong.fault(); err != nil {
		return "", err
	}
	dir := l.dataDir()
	if dir == "" {
		return "", noHome()
	}
	return dir, nil
}
