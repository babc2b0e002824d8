package app

import (
	"log/slog"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/executor"
)

// runLimits are the bounds of a project's runs.
func runLimits(cfg *config.Config, p *config.Project) executor.RunLimits {
	l := executor.RunLimits{Memory: cfg.RunMemory, CPUs: cfg.RunCPUs}
	if p.RunMemory > 0 {
		l.Memory = p.RunMemory
	}
	if p.RunCPUs > 0 {
		l.CPUs = p.RunCPUs
	}
	return l
}

// wantedLimits tells which bounds any run may have.
func wantedLimits(cfg *config.Config) (memory, cpus bool) {
	for i := range cfg.Projects {
		l := runLimits(cfg, &cfg.Projects[i])
		memory, cpus = memory || l.Memory > 0, cpus || l.CPUs > 0
	}
	return memory, cpus
}

func anyLimits(cfg *config.Config) bool {
	memory, cpus := wantedLimits(cfg)
	return memory || cpus
}

// unmetLimits tells in sentences which of the bounds in the settings are not upheld as
// one would think.
func unmetLimits(cfg *config.Config, m executor.Means) []string {
	why := ""
	if m.Missing != "" {
		why = ": " + m.Missing
	}
	memory, cpus := wantedLimits(cfg)
	var unmet []string
	switch {
	case memory && m.Memory == "":
		unmet = append(unmet, "run_memory can't be enforced here"+why)
	case memory && m.Memory == executor.ByAddresses:
		unmet = append(unmet, "run_memory bounds the addresses of each process of a run (RLIMIT_AS), not the memory of all of them together"+why)
	}
	if cpus && m.CPUs == "" {
		unmet = append(unmet, "run_cpus can't be enforced here"+why)
	}
	return unmet
}

func tellLimits(cfg *config.Config, m executor.Means, log *slog.Logger) {
	for _, text := range unmetLimits(cfg, m) {
		log.Warn("a bound on runs is not what it may seem", "what", text)
	}
	if anyLimits(cfg) {
		log.Info("what bounds runs", "memory", m.Memory, "cpus", m.CPUs)
	}
}

// limits tells what bounds the runs of a process that was started as this one was.
func (f *findings) limits(cfg *config.Config, m executor.Means) {
	unmet := unmetLimits(cfg, m)
	for _, text := range unmet {
		f.add(levelWarning, "run limits", text, "give kedrod a control group (version 2) of its own: Delegate=yes in its unit, a writable /sys/fs/cgroup in its container")
	}
	switch {
	case len(unmet) > 0:
	case m.Groups:
		f.add(levelOK, "run limits", "each run has a control group of its own", "")
	default:
		f.add(levelOK, "run limits", "runs have no control groups of their own: "+m.Missing, "")
	}
}
