package executor

import (
	"io"
	"os"
	"strconv"
	"syscall"

	"github.com/kedrod/kedrod/internal/executor/limit"
)

// addressLimits tells whether the system bounds the addresses of a process (RLIMIT_AS).
const addressLimits = true

// startLimited starts the command through our own binary, which takes the limit upon itself and then becomes the command: so the limit holds from
// the first instruction and never for us. The error is that of the command's exec, as if it had been started here.
func (d *door) startLimited(o order) (*child, error) {
	said, say, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer said.Close()
	attr := o.attr
	attr.Files = append(attr.Files[:len(attr.Files):len(attr.Files)], say.Fd()) // limit.Status
	argv := append([]string{"kedrod", limit.Arg, strconv.FormatInt(o.limits.Memory, 10), o.path}, o.argv...)
	// Not by the binary's name, under which a newer one may lie by now.
	c, err := d.start("/proc/self/exe", argv, &attr)
	_ = say.Close()
	if err != nil {
		return nil, err
	}
	text, _ := io.ReadAll(said) // ends with the exec, which closes the other end
	if len(text) == 0 {
		return c, nil
	}
	c.awaitExit()
	c.reap()
	errno, err := strconv.Atoi(string(text))
	if err != nil {
		return nil, err
	}
	return nil, syscall.Errno(errno)
}
