// Package version has the release number of the program and the commit it was built from.
package version

import "runtime/debug"

// number is the release, in semantic versioning. A build can replace it with
// -ldflags "-X contralens/internal/version.number=1.2.3" (make build VERSION=1.2.3).
var number = "0.9.0"

// commit is set by make if Go itself does not record it.
var commit string

// Number returns the release, such as "0.9.0".
func Number() string { return number }

// Commit returns the commit that the program was built from, in 12 digits, with "+changes"
// if the working tree differed from it. It returns "unknown" if none was recorded.
func Commit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	return revision + dirty
}
