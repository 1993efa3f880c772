package export

import (
	"archive/zip"
	"encoding/csv"
	"errors"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"contralens/features/spectrum"
	"contralens/internal/option"
)

// measured is a row of the table of spectra: a measure of a space after an epoch, or a singular value,
// whose name is singular_1 for the largest.
type measured struct {
	Epoch   int64   `parquet:"epoch"`
	Step    int64   `parquet:"step"`
	Space   string  `parquet:"space,dict"`
	Measure string  `parquet:"measure,dict"`
	Value   float64 `parquet:"value"`
}

// WriteSpectra writes the measures of a run to a file in dir: spectra.csv or spectra.parquet with a row for
// each value, or spectra.npz with the arrays epoch, step and SPACE_MEASURE, of a value for each epoch, NaN
// where it is missing, and SPACE_singular [epochs, values].
func WriteSpectra(lines []spectrum.Line, dir, format string) ([]string, error) {
	switch format {
	case "csv":
		return writeSpectraCSV(lines, dir)
	case "parquet":
		path := filepath.Join(dir, "spectra.parquet")
		return []string{path}, parquet.WriteFile(path, spectrumRows(lines))
	case "npz":
		return writeSpectraNPZ(lines, dir)
	}
	return nil, option.Text("format", "one of "+strings.Join(Formats, ", "), format)
}

func spectrumRows(lines []spectrum.Line) (rows []measured) {
	for _, l := range lines {
		for _, name := range spectrum.Spaces {
			space := l.Space(name)
			if space == nil {
				continue
			}
			add := func(measure string, v float64) {
				rows = append(rows, measured{int64(l.Epoch), int64(l.Step), name, measure, v})
			}
			for _, m := range spectrum.Measures {
				if v, ok := space.Values[m.Name]; ok {
					add(m.Name, v)
				}
			}
			for i, v := range space.Singular {
				add("singular_"+strconv.Itoa(i+1), float64(v))
			}
		}
	}
	return rows
}

func writeSpectraCSV(lines []spectrum.Line, dir string) ([]string, error) {
	files, paths, err := create(dir, "spectra.csv")
	if err != nil {
		return nil, err
	}
	w := csv.NewWriter(files[0])
	err = w.Write([]string{"epoch", "step", "space", "measure", "value"})
	for _, r := range spectrumRows(lines) {
		err = errors.Join(err, w.Write([]string{
			strconv.FormatInt(r.Epoch, 10), strconv.FormatInt(r.Step, 10), r.Space, r.Measure,
			strconv.FormatFloat(r.Value, 'g', -1, 64),
		}))
	}
	w.Flush()
	return paths, failed(err, w.Error(), files[0].Close())
}

func writeSpectraNPZ(lines []spectrum.Line, dir string) ([]string, error) {
	files, paths, err := create(dir, "spectra.npz")
	if err != nil {
		return nil, err
	}
	a := &arrays{file: files[0], zip: zip.NewWriter(files[0])}
	var epochs []float32
	for _, l := range lines {
		epochs, a.steps = append(epochs, float32(l.Epoch)), append(a.steps, float32(l.Step))
	}
	err = a.add("epoch", epochs, len(epochs))
	for _, space := range spectrum.Spaces {
		for _, m := range spectrum.Measures {
			var values []float32
			has := false
			for _, l := range lines {
				v, ok := l.Value(space, m.Name)
				if has = has || ok; !ok {
					v = math.NaN()
				}
				values = append(values, float32(v))
			}
			if has {
				err = errors.Join(err, a.add(space+"_"+m.Name, values, len(values)))
			}
		}
		values, width := singularRows(lines, space)
		if width > 0 {
			err = errors.Join(err, a.add(space+"_singular", values, len(lines), width))
		}
	}
	return paths, failed(err, a.close())
}

// singularRows returns the singular values of a space [epochs, width], NaN where there are none.
func singularRows(lines []spectrum.Line, name string) (values []float32, width int) {
	for _, l := range lines {
		if space := l.Space(name); space != nil {
			width = max(width, len(space.Singular))
		}
	}
	for _, l := range lines {
		row := make([]float32, width)
		for i := range row {
			row[i] = float32(math.NaN())
		}
		if space := l.Space(name); space != nil {
			copy(row, space.Singular)
		}
		values = append(values, row...)
	}
	return values, width
}
