package weights

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"contralens/checkpoint"
	"contralens/internal/humanize"
	"contralens/nn"
	"contralens/rundir"
)

// Inspection describes the content of a file.
type Inspection struct {
	File     string            `json:"file"`
	Format   string            `json:"format"`
	Bytes    int64             `json:"bytes"`
	Epoch    int               `json:"epoch,omitempty"`
	Network  map[string]any    `json:"network,omitempty"`
	Encoder  string            `json:"encoder,omitempty"`
	Computed string            `json:"computed,omitempty"` // how the training computed, such as its precision
	Problem  string            `json:"problem,omitempty"`
	Err      error             `json:"-"`                     // the problem as an error
	Passed   []string          `json:"passed_over,omitempty"` // values that were not read, each with what it is
	Contents []Entry           `json:"contents"`
	Tensors  []TensorInfo      `json:"tensors"`
	Options  map[string]string `json:"options,omitempty"`
}

// Entry is a top-level entry of a file.
type Entry struct {
	Name    string `json:"name"`
	What    string `json:"what"`
	Tensors int    `json:"tensors"`
	Values  int    `json:"values"`
}

// TensorInfo is the name, type and shape of a tensor.
type TensorInfo struct {
	Name  string `json:"name"`
	Dtype string `json:"dtype"`
	Shape []int  `json:"shape"`
}

// Inspect reads a file and finds the encoder and the network in it. If there is no
// encoder, Problem says why. format is one of Formats; "" stands for that of the
// extension. prefix is that of EncoderAt.
func Inspect(path, format, prefix string) (*Inspection, error) {
	f, err := Open(path, format)
	if err != nil {
		return nil, err
	}
	i := &Inspection{File: path, Format: f.Format, Epoch: f.Epoch, Options: f.Options}
	if info, err := os.Stat(path); err == nil {
		i.Bytes = info.Size()
	}
	for _, item := range f.Tree {
		p := Entry{Name: fmt.Sprint(item.Key)}
		p.count(item.Value)
		p.What = kindOf(item.Value)
		i.Contents = append(i.Contents, p)
	}
	for _, g := range f.Groups() {
		for _, t := range g.Tensors {
			x := t.Value.(*checkpoint.Tensor)
			i.Tensors = append(i.Tensors, TensorInfo{strings.TrimPrefix(g.Path+"."+t.Key.(string), "."), x.Dtype, x.Shape})
		}
	}
	i.Computed = trainedIn(f)
	i.Passed = f.Tree.Foreign()
	if i.Err = i.inspect(f, prefix); i.Err != nil {
		i.Problem = i.Err.Error()
	}
	return i, nil
}

// inspect finds the encoder and the network, and returns what hinders their use.
func (i *Inspection) inspect(f *File, prefix string) error {
	e, err := f.EncoderAt(prefix, false)
	if err != nil {
		return err
	}
	i.Encoder = e.Mapping()
	net, err := f.Network(e)
	if err != nil {
		return err
	}
	i.Network = map[string]any{"arch": net.Arch, "width": net.Width, "stem": net.Stem, "modal": net.Modal}
	if net.Head != "" {
		i.Network["head"], i.Network["feat_dim"] = net.Head, net.FeatDim
	}
	shapes, err := nn.Shapes(net)
	if err != nil {
		return err
	}
	return e.Finite(shapes)
}

// trainedIn describes how the training that wrote a file computed: precision, memory
// format, and threads and workers if they are known. It returns "" if the precision is
// unknown.
func trainedIn(f *File) string {
	precision := f.Options["precision"]
	if precision == "" || precision == "auto" {
		return ""
	}
	how := strings.TrimSuffix(precision+", "+f.Options["memory_format"], ", ")
	var r rundir.CheckpointRecord
	if rundir.DecodeRecord(f.Tree, &r); r.Threads > 0 {
		how += ", " + humanize.Count(r.Threads, "thread") + ", " + humanize.Count(r.Workers, "worker")
	}
	return how
}

func (e *Entry) count(v any) {
	switch v := v.(type) {
	case *checkpoint.Tensor:
		e.Tensors++
		e.Values += v.Len()
	case checkpoint.Dict:
		for _, i := range v {
			e.count(i.Value)
		}
	case checkpoint.OrderedDict:
		e.count(checkpoint.Dict(v))
	case []any:
		for _, x := range v {
			e.count(x)
		}
	}
}

// kindOf describes a value of a checkpoint in a few words.
func kindOf(v any) string {
	switch v := v.(type) {
	case *checkpoint.Tensor:
		if len(v.Shape) == 0 && v.Len() == 1 {
			return fmt.Sprintf("%v (%s [])", v.Float64s()[0], v.Dtype)
		}
		return fmt.Sprintf("%s %v", v.Dtype, v.Shape)
	case checkpoint.Dict:
		return fmt.Sprintf("%d entries", len(v))
	case checkpoint.OrderedDict:
		return fmt.Sprintf("%d entries", len(v))
	case []any:
		return fmt.Sprintf("%d values", len(v))
	}
	return fmt.Sprintf("%.80s", fmt.Sprint(v))
}

// Write writes the inspection as text; with tensors it lists all of them.
func (i *Inspection) Write(w io.Writer, tensors bool) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("file", "%s (%s, %.1f MB)", i.File, i.Format, float64(i.Bytes)/1e6)
	if i.Epoch > 0 {
		row("epoch", "%d", i.Epoch)
	}
	if i.Network != nil {
		s := ""
		for _, name := range []string{"arch", "width", "stem", "modal", "head", "feat_dim"} {
			if v, ok := i.Network[name]; ok {
				s += fmt.Sprintf("--%s %v ", name, v)
			}
		}
		row("network", "%s", s)
	}
	if i.Encoder != "" {
		row("encoder", "%s", i.Encoder)
	}
	if i.Computed != "" {
		row("trained in", "%s", i.Computed)
	}
	if i.Problem != "" {
		row("problem", "%s", i.Problem)
	}
	for n, passed := range i.Passed {
		if n == 10 {
			row("", "and %d more", len(i.Passed)-n)
			break
		}
		row("passed over", "%s", passed)
	}
	if len(i.Contents) > 30 {
		row("contents", "%d entries, %d tensors", len(i.Contents), len(i.Tensors))
	} else {
		for _, p := range i.Contents {
			what := p.What
			if p.Tensors > 0 && !strings.Contains(what, "[") {
				what += fmt.Sprintf(", %d tensors of %d values together", p.Tensors, p.Values)
			}
			row("  "+p.Name, "%s", what)
		}
	}
	if len(i.Options) > 0 {
		t.Flush()
		fmt.Fprintln(w, "options")
		for _, name := range slices.Sorted(maps.Keys(i.Options)) {
			if v := i.Options[name]; v != "" && v != "false" {
				row("  --"+name, "%s", v)
			}
		}
	}
	if tensors {
		t.Flush()
		fmt.Fprintln(w, "tensors")
		for _, x := range i.Tensors {
			row("  "+x.Name, "%s\t%v", x.Dtype, x.Shape)
		}
	}
	return t.Flush()
}

// Network returns the network of an encoder in the file. Like Encoder.Network, but it
// takes the head from the record in the file, because shapes don't tell all heads apart.
func (f *File) Network(e *Encoder) (nn.Config, error) {
	c, err := e.Network()
	if err == nil && f.Options["head"] != "" && c.Head != "" {
		c.Head = f.Options["head"]
	}
	return c, err
}
