package dashboard

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A browser is opened only if there is a display, with the address as its argument.
func TestBrowse(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("WAYLAND_DISPLAY", "")
	opened := filepath.Join(dir, "opened")
	script := "#!/bin/sh\necho \"$1\" > " + opened + ".new && mv " + opened + ".new " + opened + "\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DISPLAY", "")
	if Browse("http://127.0.0.1:1/") {
		t.Error("opened a browser without a display")
	}
	t.Setenv("DISPLAY", ":0")
	if !Browse("http://127.0.0.1:2/?token=a&b") {
		t.Fatal("opened no browser")
	}
	for range 1000 {
		if b, err := os.ReadFile(opened); err == nil {
			if string(b) != "http://127.0.0.1:2/?token=a&b\n" {
				t.Errorf("opened %q", b)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the browser was not called")
}
