package store

import (
	"net/url"
	"strings"
)

// Limits are the slots of projects and pipelines. What is not named, or 0, has any number.
type Limits struct {
	Projects  map[string]int
	Pipelines map[PipelineOf]int
}

// PipelineOf names a pipeline of a project.
type PipelineOf struct{ Project, Pipeline string }

// A scope's name is what a job of a full scope is parked on. ParkedTime is that of a job
// whose time has not come, ParkedRequires that of one whose labels some worker that might
// have run it lacks; workers that have them run it all the same.
const (
	ParkedTime     = "time"
	ParkedRequires = "requires"
)

// ScopeOfKey names the scope of a concurrency key, over all projects.
func ScopeOfKey(key string) string { return "key:" + key }

// ScopeOfProject names the scope of a project.
func ScopeOfProject(project string) string { return "project:" + project }

// ScopeOfPipeline names the scope of a pipeline of a project.
func ScopeOfPipeline(p PipelineOf) string {
	return "pipeline:" + url.PathEscape(p.Project) + "/" + url.PathEscape(p.Pipeline)
}

// ScopeOfPath names the scope of a file that runs of a project write.
func ScopeOfPath(project, path string) string { return ScopeOfFiles(project) + "/" + path }

// ScopeOfFiles is how the scopes of all files of a project begin, before a slash.
func ScopeOfFiles(project string) string { return "path:" + url.PathEscape(project) }

// PathOfScope gives the path of a scope that ScopeOfPath named.
func PathOfScope(scope string) (path string, ok bool) {
	rest, ok := strings.CutPrefix(scope, "path:")
	if !ok {
		return "", false
	}
	_, path, ok = strings.Cut(rest, "/")
	return path, ok
}

// Waiting tells what a pending job is parked on, "" when it may be claimed, how many
// jobs run in that scope, and one of them that is of the job's own project, if any is:
// who may see the one may see the other. On a path nobody may run: then Holder waits
// for another file, before this one.
type Waiting struct {
	On      string
	Running int
	Holder  string
}

// Lacks gives the first label, by its key's order, that is required and not had.
func Lacks(requires, labels map[string]string) (key, value string, lacks bool) {
	for k, v := range requires {
		if had, ok := labels[k]; (!ok || had != v) && (!lacks || k < key) {
			key, value, lacks = k, v, true
		}
	}
	return key, value, lacks
}
