// Package usercache finds the folder for what can be made again: measurements, engines and
// compiled kernels.
package usercache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// variable is the environment variable that names the cache folder.
const variable = "XDG_CACHE_HOME"

// Path returns the path of a file or folder in the user's cache. Nothing need be there. The
// error is a sentence.
func Path(elements ...string) (string, error) {
	dir, err := os.UserCacheDir()
	switch named := os.Getenv(variable); {
	case err != nil && named != "":
		return "", fmt.Errorf("%s=%s: want the absolute path of a folder", variable, named)
	case err != nil:
		return "", errors.New("want a cache folder from HOME or XDG_CACHE_HOME, but neither is set")
	}
	return filepath.Join(append([]string{dir, "contralens"}, elements...)...), nil
}

// Make makes a folder in the user's cache, with those above it. The error is a sentence.
func Make(folder string) error {
	for above := folder; above != filepath.Dir(above); above = filepath.Dir(above) {
		if info, err := os.Stat(above); err == nil && !info.IsDir() {
			return fmt.Errorf("cache folder %s: want a folder, but %s is a file; set %s to a folder", folder, above, variable)
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("cache folder %s: %w; set %s to a folder in which files can be written", folder,
			errors.Unwrap(err), variable)
	}
	return nil
}
