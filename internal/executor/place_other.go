//go:build !linux

package executor

// Here tells nothing: processes of others can't be known by a marker here, so what a dead worker left is never taken to be gone.
func Here() Place { return Place{} }
