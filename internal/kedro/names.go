package kedro

// Refreshing reports whether the registry is being read just now.
func (c *Catalog) Refreshing() bool { return len(c.loading) == 0 }
