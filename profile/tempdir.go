package profile

import (
	"fmt"
	"os"
)

// TempDir makes the folder in which a training is measured (Options.Dir). command is a part
// of its name. The caller removes it.
func TempDir(command string) (string, error) {
	dir, err := os.MkdirTemp("", "contralens-"+command+"-")
	if err != nil {
		return "", fmt.Errorf("temporary folder: want a place to make one, but %w; TMPDIR can name another place", err)
	}
	return dir, nil
}
