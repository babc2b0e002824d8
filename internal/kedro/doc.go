// Package kedro is all that kedrod knows of Kedro: how to find a project and its
// interpreter, what a run is started with, what its events and its log mean, and
// what the project holds. It knows no store and starts no process but through a
// Runner, which is the executor's.
//
// Before a run:
//
//	FindProject(dir)                               a Project, from pyproject.toml
//	FindPython(explicit, projectPath, environ)     its interpreter, and where it came from
//	UnpackHelpers(dataDir)                         our Python files, on disk
//	Inspector.Inspect(ctx)                         registry and findings, read once (doctor)
//	NewCatalog(opts); Run(ctx)                     the registry, kept fresh in the background
//	  Snapshot, Refuses, Known, Current, Findings, Refresh, Version, FullRegistry
//
// A run:
//
//	RunConfig(options, version)                    the bytes of its configuration file
//	Argv(python, configFile)                       its command; working directory: Project.Path
//	PycachePrefix(project, cacheDir)               where compiled files go, if not beside the sources
//	Environment(base, policy, run)                 its environment
//	NewEventReader(path, offset).Read(fn)          what the hook writes, as it is written
//	State.Apply, State.LogLine, State.Close        nodes, progress, outputs
//	State.Progress, State.Results                  for clients
//	Classify(exit, state, logTail, python)         why it failed
//
// What differs between versions of Kedro stands in version.go, and nowhere else in
// Go; the Python helpers ask Kedro itself what it has.
package kedro
