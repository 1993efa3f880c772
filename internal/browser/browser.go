// Package browser opens pages in the user's browser.
package browser

import (
	"os"
	"os/exec"
)

// Open shows an address or a file in the browser if there is a display, and reports whether
// it tried. It does not wait for the browser.
func Open(what string) bool {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return false
	}
	path, err := exec.LookPath("xdg-open")
	if err != nil {
		return false
	}
	cmd := exec.Command(path, what)
	if cmd.Start() != nil {
		return false
	}
	go func() { _ = cmd.Wait() }()
	return true
}
