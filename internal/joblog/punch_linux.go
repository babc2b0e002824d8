package joblog

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const holeMode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE

// canPunch tries the call on a byte far behind the end, where it changes nothing, before anything is written down.
func canPunch(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return cannot(unix.Fallocate(int(f.Fd()), holeMode, st.Size()+1<<40, 1))
}

// punch gives back whole blocks inside the range and fills the rest of it with zeros. The size stays.
func punch(f *os.File, off, n int64) error {
	for {
		if err := unix.Fallocate(int(f.Fd()), holeMode, off, n); err != unix.EINTR {
			return cannot(err)
		}
	}
}

func cannot(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return ErrCannotTrim
	}
	return err
}
