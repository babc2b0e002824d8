package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/regular"
)

const defaultURL = "http://127.0.0.1:8000"

// credentials is what login keeps: a key goes to the URL that it was given for, and to
// no other.
type credentials struct {
	URL string `json:"url"`
	Key string `json:"key"`
}

// target is the server that is meant and the key for it; "" for what nothing says.
type target struct{ url, key string }

// target asks in this order: for the URL --url, KEDROD_URL, what login stored; for the
// key --api-key-file, KEDROD_API_KEY, KEDROD_API_KEY_FILE, what login stored for this
// URL.
func (a *app) target() (target, error) {
	t := target{url: a.url}
	if t.url == "" {
		t.url = a.environ["KEDROD_URL"]
	}
	var err error
	if t.key, err = a.givenKey(); err != nil {
		return t, err
	}
	if t.url != "" && t.key != "" {
		return t, nil
	}
	stored, err := a.readCredentials()
	if err != nil {
		return t, err
	}
	if t.url == "" {
		t.url = stored.URL
	}
	if t.key == "" && stored.Key != "" && sameURL(t.url, stored.URL) {
		t.key = stored.Key
	}
	return t, nil
}

func sameURL(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

// givenKey is the key that a flag or variable gives, "" for none.
func (a *app) givenKey() (string, error) {
	switch {
	case a.keyFile != "":
		return readKey("--api-key-file", a.path(a.keyFile))
	case a.environ["KEDROD_API_KEY"] != "":
		return a.environ["KEDROD_API_KEY"], nil
	case a.environ["KEDROD_API_KEY_FILE"] != "":
		return readKey("KEDROD_API_KEY_FILE", a.path(a.environ["KEDROD_API_KEY_FILE"]))
	}
	return "", nil
}

func (a *app) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.Dir, path)
}

const maxKeyFile = 4096

func readKey(what, path string) (string, error) {
	data, err := regular.Given(context.Background(), path, maxKeyFile) // Ctrl-C ends the program
	if err != nil {
		return "", usagef("%s: the file can't be read: %v", what, err)
	}
	key := strings.TrimSpace(string(data))
	if key == "" {
		return "", usagef("%s: the file is empty", what)
	}
	return key, nil
}

// client makes a client for the service that is meant.
func (a *app) client() (*client.Client, error) {
	t, err := a.target()
	if err != nil {
		return nil, err
	}
	return a.clientOf(t)
}

func (a *app) clientOf(t target) (*client.Client, error) {
	if t.url == "" {
		t.url = defaultURL
	}
	if strings.ContainsFunc(t.key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, usagef("the key that is set holds characters that no key has: look at KEDROD_API_KEY, or the file it is in")
	}
	c, err := client.New(t.url, client.Config{APIKey: t.key, UserAgent: "kedrod/" + a.Version})
	if err != nil {
		return nil, usagef("--url or KEDROD_URL: %v", err)
	}
	return c, nil
}

// credentialsPath is $XDG_CONFIG_HOME/kedrod/credentials; "" without a home.
func (a *app) credentialsPath() string {
	if dir := a.environ["XDG_CONFIG_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "kedrod", "credentials")
	}
	if home := a.environ["HOME"]; home != "" {
		return filepath.Join(home, ".config", "kedrod", "credentials")
	}
	return ""
}

// readCredentials gives what login stored, nothing where it did not. A file that others
// may read is refused.
func (a *app) readCredentials() (credentials, error) {
	var c credentials
	path := a.credentialsPath()
	if path == "" {
		return c, nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait for a writer
		return c, usagef("%s is no file: move it away, and log in again", path)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, usagef("%s can't be read: %v", path, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return c, usagef("%s can't be read: %v", path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return c, usagef("%s holds a key and others may read it (mode %04o): chmod 600 it, and make a new key if somebody did", path, mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil || json.Unmarshal(data, &c) != nil {
		return credentials{}, usagef("%s is not as kedrod login wrote it: log in again", path)
	}
	return c, nil
}

// writeCredentials replaces the file as a whole, readable by its owner alone.
func (a *app) writeCredentials(c credentials) (string, error) {
	path := a.credentialsPath()
	if path == "" {
		return "", usagef("there is no home folder to keep the key in: set XDG_CONFIG_HOME, or use KEDROD_API_KEY_FILE")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the folder for the key: %w", err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("write the key: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".credentials-") // 0600 from the start
	if err != nil {
		return "", fmt.Errorf("write the key: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("write the key: %w", err)
	}
	return path, nil
}
