//go:build !linux

package executor

// addressLimits is false: macOS takes RLIMIT_AS and does not uphold it.
const addressLimits = false

func (d *door) startLimited(o order) (*child, error) { return d.start(o.path, o.argv, &o.attr) }
