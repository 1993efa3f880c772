package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"contralens/autotune"
	"contralens/checkpoint"
	"contralens/checkpoint/weights"
	"contralens/config"
	"contralens/internal/humanize"
	"contralens/rundir"
	"contralens/torch"
)

// inspection is what a file holds.
type inspection struct {
	File     string            `json:"file"`
	Format   string            `json:"format"`
	Bytes    int64             `json:"bytes"`
	Epoch    int               `json:"epoch,omitempty"`
	Network  map[string]any    `json:"network,omitempty"`
	Encoder  string            `json:"encoder,omitempty"`
	Computed string            `json:"computed,omitempty"` // how it was trained
	Problem  string            `json:"problem,omitempty"`
	Contents []part            `json:"contents"`
	Tensors  []tensorInfo      `json:"tensors"`
	Options  map[string]string `json:"options,omitempty"`
}

// part is an entry at the top of a file.
type part struct {
	Name    string `json:"name"`
	What    string `json:"what"`
	Tensors int    `json:"tensors"`
	Values  int    `json:"values"`
}

type tensorInfo struct {
	Name  string `json:"name"`
	Dtype string `json:"dtype"`
	Shape []int  `json:"shape"`
}

func inspectCommand() *cobra.Command {
	c := config.Inspect{}
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say what is in a checkpoint of any origin: network, epoch, tensors, options",
		Example: `  contralens inspect save/run/current.pth
  contralens inspect moco_v2_800ep_pretrain.pth.tar --tensors
  contralens inspect encoder.safetensors --json`,
	}
	given := bind(cmd, &c)
	cmd.Args = arguments(1, "one file", "inspect save/run/current.pth")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		var i *inspection
		err := torch.Run(func() (err error) {
			i, err = inspect(args[0], c.From)
			return err
		})
		if err != nil {
			return err
		}
		if c.JSON {
			enc := json.NewEncoder(os.Stdout)
			enc.SetIndent("", " ")
			return enc.Encode(i)
		}
		i.print(os.Stdout, c.Tensors)
		return nil
	}
	return cmd
}

func inspect(path, format string) (*inspection, error) {
	f, err := weights.Open(path, format)
	if err != nil {
		return nil, err
	}
	i := &inspection{File: path, Format: f.Format, Epoch: f.Epoch, Options: f.Options}
	if info, err := os.Stat(path); err == nil {
		i.Bytes = info.Size()
	}
	for _, item := range f.Tree {
		p := part{Name: fmt.Sprint(item.Key)}
		p.count(item.Value)
		p.What = kindOf(item.Value)
		i.Contents = append(i.Contents, p)
	}
	for _, g := range f.Groups() {
		for _, t := range g.Tensors {
			x := t.Value.(*checkpoint.Tensor)
			i.Tensors = append(i.Tensors, tensorInfo{strings.TrimPrefix(g.Path+"."+t.Key.(string), "."), x.Dtype, x.Shape})
		}
	}
	i.Computed = trainedIn(f)
	e, err := f.Encoder(false)
	if err != nil {
		i.Problem = err.Error()
		return i, nil
	}
	i.Encoder = e.Mapping()
	net, err := networkOf(f, e)
	if err != nil {
		i.Problem = err.Error()
		return i, nil
	}
	i.Network = map[string]any{"arch": net.Arch, "width": net.Width, "stem": net.Stem, "modal": net.Modal}
	if net.Head != "" {
		i.Network["head"], i.Network["feat_dim"] = net.Head, net.FeatDim
	}
	return i, nil
}

// trainedIn says how the training computed that wrote a file, "" where that is not
// known: in which precision and format, and of a pre-training with how many threads.
func trainedIn(f *weights.File) string {
	precision := f.Options["precision"]
	if precision == "" || precision == autotune.Auto {
		return ""
	}
	how := strings.TrimSuffix(precision+", "+f.Options["memory_format"], ", ")
	var r rundir.CheckpointRecord
	if rundir.DecodeRecord(f.Tree, &r); r.Threads > 0 {
		how += ", " + humanize.Count(r.Threads, "thread") + ", " + humanize.Count(r.Workers, "worker")
	}
	return how
}

func (p *part) count(v any) {
	switch v := v.(type) {
	case *checkpoint.Tensor:
		p.Tensors++
		p.Values += v.Len()
	case checkpoint.Dict:
		for _, i := range v {
			p.count(i.Value)
		}
	case checkpoint.OrderedDict:
		p.count(checkpoint.Dict(v))
	case []any:
		for _, x := range v {
			p.count(x)
		}
	}
}

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

func (i *inspection) print(w io.Writer, tensors bool) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	defer t.Flush()
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
}
