//go:build !linux

package joblog

import "os"

func canPunch(*os.File) error { return ErrCannotTrim }

func punch(*os.File, int64, int64) error { return ErrCannotTrim }
