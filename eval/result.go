package eval

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"contralens/config"
	"contralens/internal/jsonl"
)

// Result is one line of a run's results.jsonl: what an evaluation found.
type Result struct {
	Protocol         string         `json:"protocol"` // knn, linear, linear-cached, linear-lbfgs, finetune, supervised, crt
	Dataset          string         `json:"dataset"`
	Checkpoint       string         `json:"checkpoint,omitempty"`
	CheckpointSHA256 string         `json:"checkpoint_sha256"` // of the encoder's file; empty: untrained, or still in training
	Epoch            int            `json:"epoch"`             // of the encoder's training
	Metrics          map[string]any `json:"metrics"`           // accuracies in percent
	Seed             uint64         `json:"seed"`
	Command          []string       `json:"command"`
	Time             string         `json:"time"` // RFC 3339
	// Group is the same for results that differ in nothing but seeds: of the
	// evaluation, of the encoder's training, or both.
	Group string `json:"group,omitempty"`
}

// ResultsFile is the name of the file in a run directory.
const ResultsFile = "results.jsonl"

// NewResult is a result of this process, now.
func NewResult(protocol, dataset string, metrics map[string]any, seed uint64) Result {
	return Result{Protocol: protocol, Dataset: dataset, Metrics: metrics, Seed: seed, Command: os.Args, Time: time.Now().Format(time.RFC3339)}
}

// Append adds the result to the results of a run directory.
func (r Result) Append(dir string) error {
	if err := jsonl.File(filepath.Join(dir, ResultsFile)).Add(r); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// ReadResults reads the results of a run directory. A last line that was cut off
// is left out; any other line that is no result is an error that names it.
func ReadResults(dir string) ([]Result, error) {
	path := filepath.Join(dir, ResultsFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Result
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var r Result
		if err := json.Unmarshal(line, &r); err != nil || r.Protocol == "" {
			return nil, fmt.Errorf("%s, line %d: want a JSON object with protocol and metrics, got %.60q", path, n, line)
		}
		all = append(all, r)
	}
}

// SHA256 is the hash of a file, in hexadecimal.
func SHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Group is the group of a result: a hash of the protocol, the dataset, the epoch
// of the encoder, and the options of the evaluation and of the encoder's
// training, without those that make no difference and without seeds.
func Group(protocol, dataset, epoch string, options ...map[string]string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", protocol, dataset, epoch)
	for _, o := range options {
		fmt.Fprint(h, "\n")
		for _, name := range slices.Sorted(maps.Keys(o)) {
			if f, _ := config.Lookup(name); !f.Runtime && !f.Repeat {
				fmt.Fprintf(h, "%q %q ", name, o[name])
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
