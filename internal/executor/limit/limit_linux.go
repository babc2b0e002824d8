package limit

import (
	"strings"
	"syscall"
	"unsafe"
)

// init never returns if this process is to become a command.
func init() {
	args := arguments()
	if len(args) < 2 || args[1] != Arg {
		return
	}
	syscall.CloseOnExec(Status)
	errno := become(args[2:])
	_, _ = syscall.Write(Status, digits(uint64(errno)))
	syscall.Exit(126)
}

// arguments reads what os.Args will hold; nil where there is no /proc.
func arguments() []string {
	fd, err := syscall.Open("/proc/self/cmdline", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = syscall.Close(fd) }()
	var text []byte
	buf := make([]byte, 4096)
	for {
		n, err := syscall.Read(fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			break
		}
		text = append(text, buf[:n]...)
		if begins := string(text[:min(len(text), 4096)]); !strings.Contains(begins, "\x00"+Arg+"\x00") {
			return nil // the usual case: no need to read on
		}
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// become returns only if it fails.
func become(args []string) syscall.Errno {
	if len(args) < 3 {
		return syscall.EINVAL
	}
	bytes, ok := number(args[0])
	if !ok {
		return syscall.EINVAL
	}
	path, err := syscall.BytePtrFromString(args[1])
	if err != nil {
		return syscall.EINVAL
	}
	argv, err := syscall.SlicePtrFromStrings(args[2:])
	if err != nil {
		return syscall.EINVAL
	}
	env, err := syscall.SlicePtrFromStrings(syscall.Environ())
	if err != nil {
		return syscall.EINVAL
	}
	both := syscall.Rlimit{Cur: bytes, Max: bytes}
	//nolint:gosec // G103: the kernel reads them during the calls, and this function keeps them
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, syscall.RLIMIT_AS, uintptr(unsafe.Pointer(&both)), 0, 0, 0); errno != 0 {
		return errno
	}
	//nolint:gosec // as above
	_, _, errno := syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])))
	return errno
}

// number reads a decimal one; strconv would be set up later.
func number(text string) (n uint64, ok bool) {
	if text == "" || len(text) > 18 {
		return 0, false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

func digits(n uint64) []byte {
	text := []byte{byte('0' + n%10)}
	for n /= 10; n > 0; n /= 10 {
		text = append([]byte{byte('0' + n%10)}, text...)
	}
	return text
}
