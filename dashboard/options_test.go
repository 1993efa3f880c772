package dashboard

import (
	"testing"

	"contralens/rundir"
)

// TestSettings: the page compares options with the defaults of the command that trained. What
// is not a command that trains, but recorded by this program, pre-trained.
func TestSettings(t *testing.T) {
	for _, c := range []struct{ command, goVersion, want string }{
		{"contrast", "go1.26.0", "200"},
		{"linear", "go1.26.0", "60"},
		{"demo", "go1.26.0", "200"},
		{"--steps", "go1.26.0", "200"}, // a program in Go
		{"--steps", "", ""},            // a program in Python
	} {
		r := rundir.Record{Config: map[string]string{"epochs": "13"}, Go: c.goVersion,
			Session: rundir.Session{Command: []string{"program", c.command}}}
		if got := settings(r); len(got) != 1 || got[0].Default != c.want {
			t.Errorf("%s, %q: want the default %q, got %+v", c.command, c.goVersion, c.want, got)
		}
	}
}
