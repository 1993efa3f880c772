package export

import (
	"errors"
	"math"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"contralens/scores/record"
)

// columns is a Parquet sink.
type columns struct {
	files []*os.File
	steps *parquet.Writer //nolint:staticcheck // columns are known only at run time; GenericWriter requires a type
	heats *parquet.GenericWriter[count]
	place []int // position of step and each series in a row: Parquet orders columns by name
}

func newParquet(dir string, series []string) (sink, []string, error) {
	files, paths, err := create(dir, "scores.parquet", "histograms.parquet")
	if err != nil {
		return nil, nil, err
	}
	names := append([]string{"step"}, series...)
	group := parquet.Group{"step": parquet.Int(64)}
	for _, name := range series {
		group[name] = parquet.Optional(parquet.Leaf(parquet.FloatType))
	}
	sorted := slices.Sorted(slices.Values(names))
	c := &columns{files: files}
	for _, name := range names {
		c.place = append(c.place, slices.Index(sorted, name))
	}
	compress := parquet.Compression(&zstd.Codec{})
	c.steps = parquet.NewWriter(files[0], parquet.NewSchema("scores", group), compress)
	c.heats = parquet.NewGenericWriter[count](files[1], compress)
	return c, paths, nil
}

func (c *columns) row(step int, values []float64) error {
	row := make(parquet.Row, len(c.place))
	row[c.place[0]] = parquet.Int64Value(int64(step)).Level(0, 0, c.place[0])
	for i, v := range values {
		at := c.place[1+i]
		if math.IsNaN(v) {
			row[at] = parquet.NullValue().Level(0, 0, at)
		} else {
			row[at] = parquet.FloatValue(float32(v)).Level(0, 1, at)
		}
	}
	_, err := c.steps.WriteRows([]parquet.Row{row})
	return err
}

func (c *columns) heat(kind string, h record.Heat) error {
	return counts(kind, h, func(n count) error {
		_, err := c.heats.Write([]count{n})
		return err
	})
}

func (c *columns) close() error {
	err := errors.Join(c.steps.Close(), c.heats.Close())
	for _, f := range c.files {
		err = errors.Join(err, f.Close())
	}
	return err
}
