package auth

import "slices"

// Right is what a call asks of its caller.
type Right string

// The rights, each containing the one before.
const (
	Read  Right = "read"
	Run   Right = "run"
	Admin Right = "admin"
)

// Rights lists all of them, the smallest first.
func Rights() []Right { return []Right{Read, Run, Admin} }

// Role is a key's role; it stands for rights.
type Role string

// The roles: viewer reads, runner also submits, cancels and retries, admin does all.
const (
	RoleViewer Role = "viewer"
	RoleRunner Role = "runner"
	RoleAdmin  Role = "admin"
)

// Roles lists all of them, the smallest first.
func Roles() []Role { return []Role{RoleViewer, RoleRunner, RoleAdmin} }

// Rights gives what the role may do; nothing for a word that is no role.
func (r Role) Rights() []Right {
	i := slices.Index(Roles(), r)
	return Rights()[:i+1]
}
