package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/kedrod/kedrod/internal/regular"
)

// parameters builds the parameters of a submission. Every value keeps the JSON text it
// was given as: numbers are never read into a float and written again.
type parameters struct {
	object map[string]json.RawMessage
}

// maxParams bounds a parameter file.
const maxParams = 64 << 20

// file takes a file of parameters, JSON or YAML; "-" is standard input.
func (p *parameters) file(path string, stdin io.Reader, dir string) error {
	var (
		data []byte
		err  error
	)
	if path == "-" {
		data, err = io.ReadAll(io.LimitReader(stdin, maxParams+1))
	} else {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		data, err = regular.Given(context.Background(), path, maxParams) // Ctrl-C ends the program
	}
	if err != nil {
		return usagef("--params: %v", err)
	}
	if len(data) > maxParams {
		return usagef("--params: the file has more than 64 MB")
	}
	if !utf8.Valid(data) {
		return usagef("--params: the file is not UTF-8; save it as UTF-8")
	}
	ext := strings.ToLower(filepath.Ext(path))
	if ext != ".json" && !json.Valid(data) {
		if data, err = yamlToJSON(data); err != nil {
			return usagef("--params: %s: %v", path, err)
		}
	}
	if err := json.Unmarshal(data, &p.object); err != nil || p.object == nil {
		if err == nil {
			err = fmt.Errorf("it must hold an object of parameters")
		}
		return usagef("--params: %s: %v", path, err)
	}
	return nil
}

// set puts a value at a dotted key, as Kedro's own --params does: a.b=1 is
// {"a": {"b": 1}}. What is there beside it stays.
func (p *parameters) set(key string, value json.RawMessage) error {
	if p.object == nil {
		p.object = map[string]json.RawMessage{}
	}
	path := strings.Split(key, ".")
	for _, name := range path {
		if name == "" {
			return fmt.Errorf("the key %s has an empty part; a key that holds dots of its own goes by --params FILE", quote(key))
		}
	}
	return put(p.object, path, value)
}

func put(object map[string]json.RawMessage, path []string, value json.RawMessage) error {
	if len(path) == 1 {
		object[path[0]] = value
		return nil
	}
	inner := map[string]json.RawMessage{}
	if had, ok := object[path[0]]; ok {
		if err := json.Unmarshal(had, &inner); err != nil || inner == nil {
			return fmt.Errorf("%s is a value already and can't hold %s", quote(path[0]), quote(strings.Join(path[1:], ".")))
		}
	}
	if err := put(inner, path[1:], value); err != nil {
		return err
	}
	text, err := marshal(inner)
	object[path[0]] = text
	return err
}

// marshal writes JSON without HTML's escapes.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// json gives the object, nil where there are no parameters.
func (p *parameters) json() (json.RawMessage, error) {
	if p.object == nil {
		return nil, nil
	}
	return marshal(p.object)
}

// pair takes apart key=value.
func pair(flag, written string) (key, value string, err error) {
	key, value, ok := strings.Cut(written, "=")
	if !ok || key == "" {
		return "", "", usagef("%s takes key=value, not %s", flag, quote(written))
	}
	return key, value, nil
}

// param reads one -p. A value that is no JSON is refused with the command that was
// meant.
//
//kedrod:parser FuzzParam
func (a *app) param(p *parameters, written string) error {
	key, value, err := pair("-p", written)
	if err != nil {
		return err
	}
	if json.Valid([]byte(value)) && utf8.ValidString(value) {
		if err := p.set(key, json.RawMessage(value)); err != nil {
			return usagef("-p: %v", err)
		}
		return nil
	}
	flag, meant, why := "-s", value, "for text it is"
	switch value {
	case "True", "False":
		flag, meant, why = "-p", strings.ToLower(value), "JSON has "+strings.ToLower(value)+":"
	case "None":
		flag, meant, why = "-p", "null", "JSON has null:"
	}
	return usagef("-p %s: the value is not JSON; %s\n  kedrod %s", quote(written), why, quoteAll(a.corrected(written, flag, key+"="+meant)))
}

// corrected gives the arguments with one -p replaced.
func (a *app) corrected(written, flag, value string) []string {
	var out []string
	done := false
	for i := 0; i < len(a.args); i++ {
		arg := a.args[i]
		switch {
		case !done && (arg == "-p" || arg == "--param") && i+1 < len(a.args) && a.args[i+1] == written:
			out, done = append(out, flag, value), true
			i++
		case !done && (arg == "-p"+written || arg == "-p="+written || arg == "--param="+written):
			out, done = append(out, flag, value), true
		default:
			out = append(out, arg)
		}
	}
	return out
}
