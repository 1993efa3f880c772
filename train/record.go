package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"contralens/config"
	"contralens/torch"
)

// Record is run.json: what was run, with what, where and when.
type Record struct {
	Config  map[string]string `json:"config"`
	Command []string          `json:"command"`
	Commit  string            `json:"git_commit"`
	Go      string            `json:"go"`
	Torch   string            `json:"libtorch"`
	Machine string            `json:"machine"`
	Start   string            `json:"start"`
}

// harmless are the options that may differ between the parts of one run.
var harmless = []string{"print_freq", "save_freq", "num_workers", "max_bad", "resume", "overwrite", "threads", "knn_every", "json", "model_path", "tb_path", "name", "data_folder", "save_score", "record", "probe",
	"world-size", "rank", "dist-url", "dist-backend", "multiprocessing-distributed", "gpu", "device"}

// commit is set by the build (make) where Go itself does not record it.
var commit string

// Commit is the version-control revision that the program was built from.
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

// Processor is the processor's name.
func Processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(b), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// Prepare makes the run directory and writes run.json. c is a pointer to the
// configuration, s its shared part. A directory that is there already is refused
// unless the run is resumed with the same options, or is to be overwritten.
func Prepare(dir string, c any, s config.Shared, command []string) error {
	values := config.Values(c)
	path := filepath.Join(dir, "run.json")
	old, err := os.ReadFile(path)
	switch {
	case err != nil: // nothing there, or not a run of ours
		if files, err := os.ReadDir(dir); err == nil && len(files) > 0 && !s.Overwrite && s.Resume == "" {
			return fmt.Errorf("run directory %s: want an empty one, but it has files; give --name for another one or --overwrite", dir)
		}
	case s.Overwrite && s.Resume == "":
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("--overwrite: %w", err)
		}
	case s.Resume == "":
		return fmt.Errorf("run directory %s holds a run already: go on with --resume auto, choose another one with --name, or replace it with --overwrite", dir)
	default:
		var r Record
		if err := json.Unmarshal(old, &r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, f := range config.Fields(c) {
			if was, ok := r.Config[f.Name]; ok && was != values[f.Name] && !slices.Contains(harmless, f.Name) {
				return fmt.Errorf("run directory %s was made with --%s %s, not %s: give the same options, another --name, or --overwrite without --resume", dir, f.Name, was, values[f.Name])
			}
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("run directory %s: want a folder that can be made, but %w; see --model_path", dir, err)
	}
	b, err := json.MarshalIndent(Record{
		Config: values, Command: command, Commit: Commit(), Go: runtime.Version(), Torch: torch.Version(),
		Machine: fmt.Sprintf("%s, %d cores", Processor(), runtime.NumCPU()), Start: time.Now().Format(time.RFC3339),
	}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
