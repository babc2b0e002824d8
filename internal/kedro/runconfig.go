package kedro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/kedrod/kedrod/internal/fault"
)

// RunOptions is what one run is asked to do, under the names of a submission. Zero
// values are left to Kedro and the project.
type RunOptions struct {
	Pipeline           string   // one name; "" and "__default__" leave it to Kedro
	PipelineNames      []string // several, in place of Pipeline
	Parameters         json.RawMessage
	Tags               []string
	NodeNames          []string
	FromNodes          []string
	ToNodes            []string
	FromInputs         []string
	ToOutputs          []string
	Namespaces         []string
	LoadVersions       map[string]string
	Env                string
	ConfSource         string
	Runner             string
	RunnerParams       json.RawMessage
	IsAsync            *bool
	OnlyMissingOutputs *bool
}

// DefaultPipeline is the name Kedro runs when none is asked for.
const DefaultPipeline = "__default__"

// RunConfig makes the file for `kedro run --config FILE`, whose name must end in
// .json: UTF-8, with the keys that this version of Kedro knows. Errors are
// fault.Invalid or fault.NotSupported and name the field of the submission.
func RunConfig(o RunOptions, v Version) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(`{"run": {`)
	sep := ""
	put := func(key string, value []byte) {
		out.WriteString(sep)
		writeString(&out, key)
		out.WriteString(": ")
		out.Write(value)
		sep = ", "
	}
	for _, opt := range options() {
		values, err := o.values(opt.field)
		if err != nil {
			return nil, err
		}
		if values == nil {
			continue
		}
		key, f := opt.in(v)
		field := opt.field
		if field == "pipeline_names" && len(o.PipelineNames) == 0 {
			field = "pipeline_name"
			if f == commaString && strings.ContainsRune(o.Pipeline, ',') {
				key, f = "pipeline", text // the older option takes any name
			}
		}
		encoded, err := encodeOption(field, values, f, v)
		if err != nil {
			return nil, err
		}
		put(key, encoded)
	}
	if present(o.Parameters) {
		encoded, err := encodeParameters(o.Parameters, v.escapesInterpolation())
		if err != nil {
			return nil, err
		}
		if string(encoded) != "{}" {
			put("params", encoded)
		}
	}
	out.WriteString("}}\n")
	return out.Bytes(), nil
}

func present(raw json.RawMessage) bool {
	trimmed := bytes.TrimSpace(raw)
	return len(trimmed) > 0 && string(trimmed) != "null"
}

// values gives one option in a common form: texts, a bool, or raw JSON; nil when it
// was not asked for.
func (o RunOptions) values(field string) (any, error) {
	texts := func(list []string) (any, error) {
		if len(list) == 0 {
			return nil, nil
		}
		return list, nil
	}
	flag := func(b *bool) (any, error) {
		if b == nil || !*b {
			return nil, nil
		}
		return *b, nil
	}
	one := func(s string) (any, error) {
		if s == "" {
			return nil, nil
		}
		return []string{s}, nil
	}
	switch field {
	case "pipeline_names":
		if o.Pipeline != "" && len(o.PipelineNames) > 0 && !slices.Equal(o.PipelineNames, []string{o.Pipeline}) {
			return nil, fault.InvalidField("pipeline_names", "give pipeline_name or pipeline_names, not both")
		}
		if len(o.PipelineNames) > 0 {
			return o.PipelineNames, nil
		}
		if o.Pipeline == DefaultPipeline {
			return nil, nil
		}
		return one(o.Pipeline)
	case "node_names":
		return texts(o.NodeNames)
	case "from_nodes":
		return texts(o.FromNodes)
	case "to_nodes":
		return texts(o.ToNodes)
	case "from_inputs":
		return texts(o.FromInputs)
	case "to_outputs":
		return texts(o.ToOutputs)
	case "tags":
		return texts(o.Tags)
	case "namespaces":
		return texts(o.Namespaces)
	case "load_versions":
		return loadVersions(o.LoadVersions)
	case "env":
		if o.Env == "." || o.Env == ".." || strings.ContainsAny(o.Env, `/\`) {
			return nil, fault.InvalidField("env", "must be the name of a folder in the project's conf/, not a path")
		}
		return one(o.Env)
	case "conf_source":
		return one(o.ConfSource)
	case "runner":
		return one(o.Runner)
	case "runner_params":
		if !present(o.RunnerParams) {
			return nil, nil
		}
		return o.RunnerParams, nil
	case "is_async":
		return flag(o.IsAsync)
	case "only_missing_outputs":
		return flag(o.OnlyMissingOutputs)
	}
	return nil, fmt.Errorf("no option %q", field)
}

func loadVersions(versions map[string]string) (any, error) {
	var out []string
	for dataset, version := range versions {
		if strings.Contains(dataset, ":") || version == "" || strings.ContainsAny(version, ":,/") {
			return nil, fault.InvalidField("load_versions."+dataset, "must be a dataset's name and a version without \":\", \",\" or \"/\"")
		}
		out = append(out, dataset+":"+version)
	}
	if out == nil {
		return nil, nil
	}
	return sorted(out), nil
}

func encodeOption(field string, values any, f form, v Version) ([]byte, error) {
	if f == absent {
		return nil, notInVersion(field, v)
	}
	switch value := values.(type) {
	case bool:
		return []byte("true"), nil
	case json.RawMessage:
		// Never resolved by Kedro, and so never escaped: "${" is refused.
		encoded, err := encodeParameters(value, false)
		if err != nil {
			return nil, renameField(err, field)
		}
		return encoded, nil
	case []string:
		return encodeTexts(field, value, f, v)
	}
	return nil, fmt.Errorf("option %s of type %T", field, values)
}

func encodeTexts(field string, values []string, f form, v Version) ([]byte, error) {
	for i, value := range values {
		at := field
		if len(values) > 1 {
			at = fmt.Sprintf("%s[%d]", field, i)
		}
		if err := checkName(at, value, f); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	switch f {
	case list:
		for i, value := range values {
			out.WriteString([]string{"[", ", "}[min(i, 1)])
			writeString(&out, value)
		}
		out.WriteByte(']')
	case commaString, nodeString:
		writeString(&out, strings.Join(values, ","))
	default:
		if len(values) > 1 {
			return nil, fault.New(fault.NotSupported, fmt.Sprintf("%s: the project's Kedro %s takes only one", field, v),
				fault.Field{Field: field, Message: fmt.Sprintf("the project's Kedro %s takes only one", v)})
		}
		writeString(&out, values[0])
	}
	return out.Bytes(), nil
}

// checkName refuses a name that Kedro would read as something else.
func checkName(field, name string, f form) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return fault.InvalidField(field, "must not be empty, nor begin or end with a blank")
	case strings.Contains(name, "${"):
		return fault.InvalidField(field, "must not hold \"${\"")
	case strings.ContainsFunc(name, unicode.IsControl) || strings.ToValidUTF8(name, "") != name:
		return fault.InvalidField(field, "must not hold control characters")
	case f == commaString && strings.Contains(name, ","):
		return fault.InvalidField(field, "must not hold a comma: Kedro would take it for two names")
	case f == nodeString && splitsAtComma(name):
		return fault.InvalidField(field, "must not hold a comma outside of square brackets: Kedro would take it for two names")
	}
	return nil
}

// splitsAtComma follows Kedro, which keeps the commas of default node names like
// "f([a,b]) -> [c]".
func splitsAtComma(name string) bool {
	open := 0
	for _, r := range name {
		switch {
		case r == '[':
			open++
		case r == ']':
			open--
		case r == ',' && open <= 0:
			return true
		}
	}
	return open != 0
}

func renameField(err error, field string) error {
	var fe *fault.Error
	if !errors.As(err, &fe) {
		return err
	}
	out := *fe
	out.Message = strings.Replace(out.Message, "parameters", field, 1)
	out.Fields = slices.Clone(out.Fields)
	for i := range out.Fields {
		out.Fields[i].Field = strings.Replace(out.Fields[i].Field, "parameters", field, 1)
	}
	return &out
}

// Argv is the command of a run; its working directory is the project's.
func Argv(python, configFile string) []string {
	return []string{python, "-m", "kedro", "run", "--config", configFile}
}
