package config

import (
	"github.com/spf13/pflag"
)

// text is a flag's value as it was written; its check comes with the other layers'.
type text struct {
	value string
	kind  string
	list  bool // each time adds to it
}

// String gives the text.
func (t *text) String() string { return t.value }

// Set takes any text.
func (t *text) Set(s string) error {
	if t.list && t.value != "" {
		s = t.value + "," + s
	}
	t.value = s
	return nil
}

// Type is a word for the usage text.
func (t *text) Type() string { return t.kind }

// AddFlags adds a flag for every setting that has one. Flags of settings that a later
// version brings are hidden, and known so that they are refused by name.
func AddFlags(flags *pflag.FlagSet) { addFlags(flags, true) }

// AddWorkerFlags adds those of a worker alone, which listens nowhere and deletes nothing
// but its own files.
func AddWorkerFlags(flags *pflag.FlagSet) { addFlags(flags, false) }

func addFlags(flags *pflag.FlagSet, serve bool) {
	flags.String("config", "", "settings file (default: the first of ./kedrod.yaml, $XDG_CONFIG_HOME/kedrod/kedrod.yaml, /etc/kedrod/kedrod.yaml)")
	for _, s := range projectFlags() {
		switch s.flag {
		case "project":
			flags.StringArray(s.flag, nil, s.usage)
		case "pass-env":
			flags.StringSlice(s.flag, nil, s.usage)
		default:
			flags.String(s.flag, "", s.usage)
		}
	}
	for _, s := range settings() {
		if s.serve && !serve {
			continue
		}
		usage := s.usage
		if s.fallback != "" && !s.boolean {
			usage += " (default " + s.fallback + ")"
		}
		kind := "text"
		if s.boolean {
			kind = "bool"
		}
		flag := flags.VarPF(&text{kind: kind, list: s.list}, s.flag, "", usage)
		if s.boolean {
			flag.NoOptDefVal = "true"
		}
		flag.Hidden = s.later
	}
}

// flagText gives a flag's value where it was given.
func flagText(flags *pflag.FlagSet, name string) (string, bool) {
	if flags == nil {
		return "", false
	}
	f := flags.Lookup(name)
	if f == nil || !f.Changed {
		return "", false
	}
	return f.Value.String(), true
}

// flagList gives the values of a flag that may be given several times.
func flagList(flags *pflag.FlagSet, name string) []string {
	if flags == nil {
		return nil
	}
	f := flags.Lookup(name)
	if f == nil || !f.Changed {
		return nil
	}
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return nil
	}
	return list.GetSlice()
}
