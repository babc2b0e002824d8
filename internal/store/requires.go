package store

import (
	"encoding/json"
	"strings"
)

// RequiresFrom gives, for each label of a worker, how the stored `requires` of jobs begin
// whose first label, by the order of their keys, it is. All that the worker may run
// begins so. `requires` is stored as JSON with its keys in order.
func RequiresFrom(labels map[string]string) ([]string, error) {
	var all []string
	for k, v := range labels {
		b, err := json.Marshal(map[string]string{k: v})
		if err != nil {
			return nil, err
		}
		all = append(all, strings.TrimSuffix(string(b), "}"))
	}
	return all, nil
}
