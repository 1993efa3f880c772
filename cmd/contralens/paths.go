package main

import "path/filepath"

// absolute is a path from the root, "" where there is none.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return full
}
