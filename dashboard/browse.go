package dashboard

import (
	"os"
	"os/exec"
)

// Browse opens an address in the user's browser, and reports whether it could: there must be
// a display and xdg-open. It does not wait for the browser.
func Browse(address string) bool {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return false
	}
	c := exec.Command("xdg-open", address)
	if c.Start() != nil {
		return false
	}
	go c.Wait()
	return true
}
