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
}

// ordered is a group whose columns are in the order of names, where a Group sorts them.
type ordered struct {
	parquet.Group
	names []string
}

func (o ordered) Fields() []parquet.Field {
	fields := o.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int {
		return slices.Index(o.names, a.Name()) - slices.Index(o.names, b.Name())
	})
	return fields
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
	c := &columns{files: files}
	compress := parquet.Compression(&zstd.Codec{})
	c.steps = parquet.NewWriter(files[0], parquet.NewSchema("scores", ordered{group, names}), compress)
	c.heats = parquet.NewGenericWriter[count](files[1], compress)
	return c, paths, nil
}

func (c *columns) row(step int, values []float64) error {
	row := parquet.Row{parquet.Int64Value(int64(step)).Level(0, 0, 0)}
	for i, v := range values {
		if math.IsNaN(v) {
			row = append(row, parquet.NullValue().Level(0, 0, 1+i))
		} else {
			row = append(row, parquet.FloatValue(float32(v)).Level(0, 1, 1+i))
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
