package rundir

import (
	"path/filepath"

	"contralens/internal/jsonl"
)

// System is a line of system.jsonl: what the training used of its machine since the line
// before. Fields that are unknown are nil. Shares are in percent, memory is in MiB.
type System struct {
	Step      float64  `json:"step"`
	Time      string   `json:"time"`                 // RFC 3339
	Own       *float64 `json:"cpu,omitempty"`        // share of the processors' time that the training used
	Others    *float64 `json:"cpu_others,omitempty"` // share that other programs used
	Resident  *float64 `json:"memory,omitempty"`     // resident memory of the training
	Available *float64 `json:"memory_free,omitempty"`
	GPU       *float64 `json:"gpu,omitempty"`        // share of the time that the GPU computed
	GPUMemory *float64 `json:"gpu_memory,omitempty"` // used by all programs
}

// AddSystem appends a line to the system load of a run directory.
func AddSystem(dir string, s System) error { return systemOf(dir).Add(s) }

// KeepSystem removes the lines of all steps after step, for a run that resumes there.
func KeepSystem(dir string, step int) error {
	return systemOf(dir).Keep(func(v map[string]any) bool { return !above(v["step"], step) })
}

func systemOf(dir string) jsonl.File { return jsonl.File(filepath.Join(dir, SystemFile)) }
