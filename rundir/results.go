package rundir

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"contralens/internal/jsonl"
)

// Result is one line of results.jsonl: the result of an evaluation.
type Result struct {
	// Protocol is knn, linear, linear-cached, linear-lbfgs, few-shot-N, finetune, supervised,
	// crt, detect-voc or detect-coco.
	Protocol         string         `json:"protocol"`
	Dataset          string         `json:"dataset"`
	Checkpoint       string         `json:"checkpoint,omitempty"`
	CheckpointSHA256 string         `json:"checkpoint_sha256"` // of the encoder's file; empty if there is none
	Epoch            int            `json:"epoch"`             // of the encoder's training
	Metrics          map[string]any `json:"metrics"`           // accuracies in percent
	Seed             uint64         `json:"seed"`
	Command          []string       `json:"command"`
	Time             string         `json:"time"` // RFC 3339
	// Group is equal for results that differ only in seeds: of the evaluation, of the
	// encoder's training, or both.
	Group string `json:"group,omitempty"`
}

// NewResult returns a result of this process, with its command line and the current time.
func NewResult(protocol, dataset string, metrics map[string]any, seed uint64) Result {
	return Result{
		Protocol: protocol, Dataset: dataset, Metrics: metrics, Seed: seed,
		Command: os.Args, Time: time.Now().Format(time.RFC3339),
	}
}

// Append appends the result to the results of a run directory.
func (r Result) Append(dir string) error {
	if err := resultsOf(dir).Add(r); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// ReadResults reads the results of a run directory. It skips an incomplete last line, and
// lines that are not results. The error names the first of these; it comes with the others.
func ReadResults(dir string) ([]Result, error) {
	path := filepath.Join(dir, ResultsFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Result
	var bad error
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return all, bad
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var r Result
		if err := json.Unmarshal(line, &r); err != nil || r.Protocol == "" {
			if bad == nil {
				bad = fmt.Errorf("%s, line %d: want a JSON object with protocol and metrics, got %.60q", path, n, line)
			}
			continue
		}
		all = append(all, r)
	}
}

// KeepKNN removes the k-NN results after epoch from a run directory, for a run that
// resumes there.
func KeepKNN(dir string, epoch int) error {
	return resultsOf(dir).Keep(func(v map[string]any) bool { return v["protocol"] != "knn" || !above(v["epoch"], epoch) })
}

// HasKNN reports whether the results of a run directory have the k-NN accuracy of an
// epoch; 0 is the untrained network.
func HasKNN(dir string, epoch int) (bool, error) {
	results, err := resultsOf(dir).Read()
	for _, v := range results {
		if v["protocol"] == "knn" && v["epoch"] == float64(epoch) {
			return true, nil
		}
	}
	return false, err
}

// LastTop1 returns the last top-1 accuracy of each protocol, in percent. It skips lines
// that are not results. If the results cannot be read, the map is empty.
func LastTop1(dir string) map[string]float64 {
	last := map[string]float64{}
	results, _ := resultsOf(dir).Read()
	for _, v := range results {
		protocol, _ := v["protocol"].(string)
		metrics, _ := v["metrics"].(map[string]any)
		if top1, ok := metrics["top1"].(float64); ok {
			last[protocol] = top1
		}
	}
	return last
}

func resultsOf(dir string) jsonl.File { return jsonl.File(filepath.Join(dir, ResultsFile)) }

// resultsTail is the number of bytes that LastResults reads from the end of
// results.jsonl.
const resultsTail = 1 << 18

// LastResults reads the last lines of the results in a folder that is not trusted, the
// oldest first, as T: a Result, or json.RawMessage to show them as they are. It skips
// lines that are not a T. If the file cannot be read, the result is empty.
func LastResults[T any](folder fs.StatFS) []T { return tail[T](folder, ResultsFile, resultsTail) }
