package config

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
)

// exposed reports whether others can reach the address, so that serve asks for a key
// before it listens there.
func exposed(listen string) (bool, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false, fault.InvalidField("listen", "must be HOST:PORT")
	}
	local, err := isLoopback(host)
	if err != nil {
		return false, fault.Wrap(err, fault.Invalid, "listen: the host of "+listen+" can't be resolved: give an address, such as 127.0.0.1:8000")
	}
	return !local, nil
}

// isLoopback reports whether only this machine reaches the host; an empty host is
// every address, a name counts by all of its addresses.
func isLoopback(host string) (bool, error) {
	if host == "" {
		return false, nil
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback(), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false, err
	}
	for _, addr := range addrs {
		if !addr.Unmap().IsLoopback() {
			return false, nil
		}
	}
	return len(addrs) > 0, nil
}
