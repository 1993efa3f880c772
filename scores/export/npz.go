package export

import (
	"archive/zip"
	"errors"
	"os"

	"contralens/internal/npy"
	"contralens/scores/record"
)

// arrays is an npz sink. It has step and each series as float32 [steps], and for each
// kind of histogram hist_KIND [rows, bins], hist_KIND_step [rows] and
// hist_KIND_edges [bins+1]. Steps are exact in float32 up to 16,777,216.
type arrays struct {
	file   *os.File
	zip    *zip.Writer
	series []string
	steps  []float32
	values [][]float32
}

func newNPZ(dir string, series []string) (sink, []string, error) {
	files, paths, err := create(dir, "scores.npz")
	if err != nil {
		return nil, nil, err
	}
	return &arrays{file: files[0], zip: zip.NewWriter(files[0]), series: series,
		values: make([][]float32, len(series))}, paths, nil
}

func (a *arrays) add(name string, values []float32, shape ...int) error {
	w, err := a.zip.Create(name + ".npy")
	if err != nil {
		return err
	}
	_, err = w.Write(npy.Append(npy.Encode(shape...), values))
	return err
}

func (a *arrays) row(step int, values []float64) error {
	a.steps = append(a.steps, float32(step))
	for i, v := range values {
		a.values[i] = append(a.values[i], float32(v))
	}
	return nil
}

func (a *arrays) heat(kind string, h record.Heat) error {
	var steps, all, edges []float32
	for _, row := range h.Rows {
		steps = append(steps, float32(row.Step))
		for _, c := range row.Counts {
			all = append(all, float32(c))
		}
	}
	for _, e := range h.Edges {
		edges = append(edges, float32(e))
	}
	name := "hist_" + kind
	return errors.Join(a.add(name, all, len(steps), len(edges)-1), a.add(name+"_step", steps, len(steps)),
		a.add(name+"_edges", edges, len(edges)))
}

func (a *arrays) close() error {
	err := a.add("step", a.steps, len(a.steps))
	for i, name := range a.series {
		err = errors.Join(err, a.add(name, a.values[i], len(a.values[i])))
	}
	return errors.Join(err, a.zip.Close(), a.file.Close())
}
