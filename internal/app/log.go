package app

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/DeRuina/timberjack"
	"github.com/mattn/go-isatty"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
)

// openLog opens the log of the settings: their file, which is put aside and begun anew
// as it grows, or else standard error.
func openLog(stderr io.Writer, c config.Log) (log *slog.Logger, closing func() error, err error) {
	if c.File == "" {
		return newLogger(stderr, c), func() error { return nil }, nil
	}
	if err := os.MkdirAll(filepath.Dir(c.File), 0o750); err != nil {
		return nil, nil, fault.Wrap(err, fault.Unavailable, "can't make the folder of the log file "+c.File+": name another with --log-file")
	}
	// The library opens it at the first line: too late to refuse to start.
	first, err := os.OpenFile(c.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, nil, fault.Wrap(err, fault.Unavailable, "can't write the log file "+c.File+": let this user write it, or name another with --log-file")
	}
	if err := first.Close(); err != nil {
		return nil, nil, fault.Wrap(err, fault.Unavailable, "can't write the log file "+c.File)
	}
	f := &timberjack.Logger{
		Filename: c.File, MaxSize: int(max(c.MaxSize>>20, 1)), MaxAge: int(c.MaxAge / (24 * time.Hour)), MaxBackups: c.MaxFiles,
		Compression: "none", FileMode: 0o640,
	}
	return newLogger(f, c), f.Close, nil
}

// newLogger writes text for a person at a terminal and JSON for everything else.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	text := c.Format == "text"
	if f, ok := w.(*os.File); ok && c.Format == "auto" {
		text = isatty.IsTerminal(f.Fd())
	}
	if text {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
