// Package rundir owns the run directory: the files that training and evaluation leave
// on disk, their names and formats, and who may write to them.
//
//	run.json              Record: options, versions, machine, and the sessions of the run
//	metrics.jsonl         Metrics, one object per line
//	results.jsonl         Result, one object per line
//	current.pth           the state after the last complete epoch
//	interrupted.pth       the state at an interruption within an epoch
//	ckpt_epoch_N.pth      the state after epoch N
//	log.txt               everything that was printed
//	system.jsonl          System, one object per line: the load of the machine
//	notes.json            Notes: what people say about the run
//	.lock                 held by the process that writes to the directory
//
// Find finds the directory of a run, and Prepare readies it for a process that trains.
// The package knows no tensors: here a checkpoint is a checkpoint.Dict. Functions that
// take a path trust the folder. Those that take an fs.StatFS are for readers that do not,
// such as the dashboard: they open regular files only, and limit how much they read.
package rundir

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names of the files in a run directory.
const (
	RecordFile      = "run.json"
	MetricsFile     = "metrics.jsonl"
	ResultsFile     = "results.jsonl"
	LogFile         = "log.txt"
	SystemFile      = "system.jsonl"
	NotesFile       = "notes.json"
	CurrentFile     = "current.pth"
	InterruptedFile = "interrupted.pth"

	lockFile = ".lock"
)

// EpochFile returns the file name of an epoch's checkpoint.
func EpochFile(epoch int) string { return fmt.Sprintf("ckpt_epoch_%d.pth", epoch) }

// EpochFiles returns the epochs of the ckpt_epoch_N.pth in dir, the newest first.
func EpochFiles(dir string) []int {
	var epochs []int
	entries, _ := os.ReadDir(dir) // an unreadable folder has no files
	for _, e := range entries {
		name, found := strings.CutPrefix(e.Name(), "ckpt_epoch_")
		n, err := strconv.Atoi(strings.TrimSuffix(name, ".pth"))
		if found && err == nil && e.Name() == EpochFile(n) {
			epochs = append(epochs, n)
		}
	}
	slices.Sort(epochs)
	slices.Reverse(epochs)
	return epochs
}

// IsRun reports whether dir holds a run of this program.
func IsRun(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, RecordFile))
	return err == nil && info.Mode().IsRegular()
}
