// Package version knows from which source the program was built.
package version

import "runtime/debug"

// commit is set by the build (make) where Go itself does not record it.
var commit string

// Commit returns the version-control revision that the program was built from, in 12
// digits, with "+changes" if the working tree differed from it; "unknown" if neither the
// build nor Go recorded one.
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
