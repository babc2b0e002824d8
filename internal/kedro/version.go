package kedro

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
)

// Version is a Kedro version. The zero value is an unknown one and counts as the
// newest, since that is what is most often met.
type Version struct {
	Major, Minor, Patch int
}

// ParseVersion reads "1.7.0", "0.18.14", "1.0.0rc1"; anything else is unknown.
//
//kedrod:parser FuzzParseVersion
func ParseVersion(s string) Version {
	var parts [3]int
	for i, part := range strings.SplitN(s, ".", 3) {
		end := 0
		for end < len(part) && part[end] >= '0' && part[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(part[:end])
		if err != nil {
			return Version{}
		}
		parts[i] = n
	}
	return Version{parts[0], parts[1], parts[2]}
}

// Known reports whether the version is one.
func (v Version) Known() bool { return v != Version{} }

// String gives "1.7.0", or "unknown".
func (v Version) String() string {
	if !v.Known() {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

// AtLeast compares; an unknown version is at least any other.
func (v Version) AtLeast(major, minor int) bool {
	return !v.Known() || v.Major > major || v.Major == major && v.Minor >= minor
}

// form is how a version of Kedro wants an option in its configuration file.
type form int

const (
	absent      form = iota
	commaString      // "a,b", split at every comma
	nodeString       // "a,b", split at commas outside square brackets
	list             // ["a", "b"]
	single           // "a": one value only
	text             // "a"
	boolean
	object
)

// option is one line of the table below: an option's name in a submission, the
// key Kedro knows it by, and the form it takes. Keys are the argument names of
// Kedro's `run` command; from 0.19 on a key it doesn't know stops the run, and
// 0.18 ignores it without a word.
type option struct {
	field string
	in    func(Version) (key string, form form)
}

func always(key string, f form) func(Version) (string, form) {
	return func(Version) (string, form) { return key, f }
}

func since(major, minor int, key string, f form) func(Version) (string, form) {
	return func(v Version) (string, form) {
		if v.AtLeast(major, minor) {
			return key, f
		}
		return "", absent
	}
}

// options is all that differs between versions of `kedro run`; measured on 0.18.14,
// 0.19.15 and 1.7.0, read in the sources of those between.
func options() []option {
	return []option{
		{"pipeline_names", func(v Version) (string, form) {
			if v.AtLeast(1, 2) { // --pipeline is deprecated and warns
				return "pipelines", commaString
			}
			return "pipeline", single
		}},
		{"node_names", func(v Version) (string, form) {
			if v.AtLeast(0, 19) {
				return "node_names", nodeString
			}
			return "node_names", list
		}},
		{"from_nodes", always("from_nodes", nodeString)},
		{"to_nodes", always("to_nodes", nodeString)},
		{"from_inputs", always("from_inputs", commaString)},
		{"to_outputs", always("to_outputs", commaString)},
		{"tags", always("tags", commaString)},
		{"namespaces", func(v Version) (string, form) {
			if v.AtLeast(1, 0) {
				return "namespaces", nodeString
			}
			return "namespace", single
		}},
		{"load_versions", always("load_versions", commaString)},
		{"env", always("env", text)},
		{"conf_source", always("conf_source", text)},
		{"runner", always("runner", text)},
		{"runner_params", since(1, 6, "runner_params", object)},
		{"is_async", always("is_async", boolean)},
		{"only_missing_outputs", since(1, 0, "only_missing_outputs", boolean)},
	}
}

// escapesInterpolation: Kedro resolves ${…} in parameters given at run time, and a
// backslash keeps it as text. Before, the backslash stays in the value.
func (v Version) escapesInterpolation() bool { return v.AtLeast(1, 3) }

// readsOnePipelineFolder: asking for a pipeline reads only the folder of its name.
func (v Version) readsOnePipelineFolder() bool { return v.AtLeast(1, 5) }

func notInVersion(field string, v Version) error {
	return fault.New(fault.NotSupported, fmt.Sprintf("%s: the project's Kedro %s has no such option", field, v),
		fault.Field{Field: field, Message: fmt.Sprintf("the project's Kedro %s has no such option: leave it out, or use a newer Kedro", v)})
}
