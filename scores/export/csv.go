package export

import (
	"encoding/csv"
	"errors"
	"math"
	"os"
	"strconv"

	"contralens/scores/record"
)

// table is a CSV sink.
type table struct {
	files        []*os.File
	steps, heats *csv.Writer
}

func newCSV(dir string, series []string) (sink, []string, error) {
	files, paths, err := create(dir, "scores.csv", "histograms.csv")
	if err != nil {
		return nil, nil, err
	}
	t := &table{files: files, steps: csv.NewWriter(files[0]), heats: csv.NewWriter(files[1])}
	err = errors.Join(t.steps.Write(append([]string{"step"}, series...)),
		t.heats.Write([]string{"kind", "step", "steps", "low", "high", "count"}))
	return t, paths, err
}

// text formats a number in full float32 precision. NaN becomes "".
func text(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 32)
}

func (t *table) row(step int, values []float64) error {
	fields := []string{strconv.Itoa(step)}
	for _, v := range values {
		fields = append(fields, text(v))
	}
	return t.steps.Write(fields)
}

func (t *table) heat(kind string, h record.Heat) error {
	return counts(kind, h, func(c count) error {
		return t.heats.Write([]string{c.Kind, strconv.FormatInt(c.Step, 10), strconv.FormatInt(c.Steps, 10), text(c.Low),
			text(c.High), text(c.Count)})
	})
}

func (t *table) close() error {
	t.steps.Flush()
	t.heats.Flush()
	err := errors.Join(t.steps.Error(), t.heats.Error())
	for _, f := range t.files {
		err = errors.Join(err, f.Close())
	}
	return err
}
