package executor

// Place says among which processes one lives. Two processes can see each other, and be known by their numbers, only in the same place; host names
// and numbers alone say nothing (every container has a process 1).
type Place struct {
	BootID       string `json:"boot_id"`       // of this start of the machine; "" where it is not told
	PIDNamespace string `json:"pid_namespace"` // of the container, or the machine's own; "" where it is not told
	Machine      string `json:"machine"`       // the installed system's id; "" where it has none, as in most containers
}

// sameTable: both are in the same table of processes.
func (p Place) sameTable(q Place) bool {
	return p.BootID != "" && p.BootID == q.BootID && p.PIDNamespace != "" && p.PIDNamespace == q.PIDNamespace
}

// bootedSince: q is the same machine after another start, so nothing of p's can be alive.
func (p Place) bootedSince(q Place) bool {
	return p.Machine != "" && p.Machine == q.Machine && p.BootID != "" && q.BootID != "" && p.BootID != q.BootID
}
