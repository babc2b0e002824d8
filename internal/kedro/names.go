package kedro

// Nearest gives up to n of the names, those most like name, the likest first; none
// where nothing has much in common with it.
func Nearest(name string, names []string, n int) []string { return nearest(name, names, n) }

// Refreshing reports whether the registry is being read just now.
func (c *Catalog) Refreshing() bool { return len(c.loading) == 0 }
