package service

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

func TestLabelsAreBounded(t *testing.T) {
	many := map[string]string{}
	for i := range MaxLabels + 1 {
		many[fmt.Sprint(i)] = ""
	}
	for name, c := range map[string]struct {
		labels map[string]string
		field  string // "": taken
	}{
		"no key":         {map[string]string{"": "x"}, "labels"},
		"largest":        {map[string]string{strings.Repeat("k", 63): strings.Repeat("v", 255), "a": ""}, ""},
		"long key":       {map[string]string{strings.Repeat("k", 64): ""}, "labels"},
		"colon":          {map[string]string{"a:b": "c"}, "labels"},
		"NUL":            {map[string]string{"a\x00": "c"}, "labels"},
		"long value":     {map[string]string{"a": strings.Repeat("v", 256)}, "labels.a"},
		"NUL in a value": {map[string]string{"a": "\x00"}, "labels.a"},
		"too many":       {many, "labels"},
	} {
		var f faults
		labelsOf("labels", c.labels, &f)
		err := f.err()
		if c.field == "" {
			require.NoError(t, err, name)
			continue
		}
		var problem *fault.Error
		require.ErrorAs(t, err, &problem, name)
		require.Equal(t, c.field, problem.Fields[0].Field, name)
	}
}
