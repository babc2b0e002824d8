package service

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of labels and of what a job requires: how many, and how long, in bytes.
const (
	MaxLabels     = 64
	MaxLabelKey   = 63
	MaxLabelValue = 255
)

// labelsOf judges labels under the name of their field. A key holds no colon, so that
// key:value can be told apart in a filter.
func labelsOf(field string, labels map[string]string, f *faults) {
	if len(labels) > MaxLabels {
		f.add(field, fmt.Sprintf("at most %d", MaxLabels))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		switch value := labels[key]; {
		case key == "" || len(key) > MaxLabelKey || strings.ContainsAny(key, ":\x00"):
			f.add(field, fmt.Sprintf("a key is 1 to %d bytes, without colon and NUL", MaxLabelKey))
		case len(value) > MaxLabelValue || strings.ContainsRune(value, 0):
			f.add(field+"."+key, fmt.Sprintf("a value is at most %d bytes, without NUL", MaxLabelValue))
		}
	}
}

// orNil makes an empty map none.
func orNil(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
