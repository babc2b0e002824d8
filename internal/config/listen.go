package config

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
)

// checkListen refuses an address that others can reach while nothing asks them who
// they are.
func checkListen(c Config) error {
	if c.InsecureNoAuth {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fault.InvalidField("listen", "must be HOST:PORT")
	}
	local, err := isLoopback(host)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "listen: the host of "+c.Listen+" can't be resolved: give an address, such as 127.0.0.1:8000")
	}
	if !local {
		return fault.InvalidField("listen", "others can reach "+c.Listen+", and this version has no authentication: "+
			"listen on 127.0.0.1 behind a proxy that asks who calls, or accept it by --insecure-no-auth")
	}
	return nil
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
