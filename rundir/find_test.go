package rundir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// makeRun makes a run directory below root.
func makeRun(t *testing.T, root, name string, r Record) {
	t.Helper()
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, RecordFile), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	long := strings.Repeat("long", 70) // longer than a file name may be
	for name, c := range map[string]struct {
		folders  map[string]Record
		upstream string
		resume   bool
		want     string // "" for an error
	}{
		"nothing is there":             {nil, "old", true, "new"},
		"the run":                      {map[string]Record{"new": {}, "old": {}}, "old", true, "new"},
		"the run by its old name":      {map[string]Record{"old": {}, "other": {}}, "old", true, "old"},
		"a new run by its old name":    {map[string]Record{"old": {}}, "old", false, "old"},
		"moved":                        {map[string]Record{"mine": {UpstreamName: long}, "other": {UpstreamName: "x"}}, long, true, "mine"},
		"moved, and not resumed":       {map[string]Record{"mine": {UpstreamName: long}}, long, false, "new"},
		"another one named by --name":  {map[string]Record{"a": {UpstreamName: long, Config: map[string]string{"name": "a"}}}, long, true, "new"},
		"copied":                       {map[string]Record{"a": {UpstreamName: long}, "b": {UpstreamName: long}}, long, true, ""},
		"named by --name":              {map[string]Record{"old": {UpstreamName: "old"}}, "", true, "new"},
		"an old name with a separator": {map[string]Record{"a": {}}, "a/b", true, "new"},
	} {
		root := t.TempDir()
		for folder, r := range c.folders {
			makeRun(t, root, folder, r)
		}
		if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := Find(root, "new", c.upstream, c.resume)
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), "give --name") {
				t.Errorf("%s: got %s, %v, want an error that says --name", name, got, err)
			}
			continue
		}
		if err != nil || got != filepath.Join(root, c.want) {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
	}
	if got, err := Find("nowhere", "new", "old", true); err != nil || got != filepath.Join("nowhere", "new") {
		t.Errorf("below a folder that is not there: %s, %v", got, err)
	}
}
