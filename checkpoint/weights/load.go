package weights

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"contralens/nn"
	"contralens/torch"
)

// Model builds the network of a file of any origin and loads the weights of its encoder.
// It infers the architecture from the shapes. If the file has no projection head, that of
// the model has random weights. Call it within torch.Run, and free the model.
func Model(path string) (*nn.Model, error) {
	f, err := Open(path, "")
	if err != nil {
		return nil, err
	}
	e, err := f.Encoder(false)
	if err != nil {
		return nil, err
	}
	c, err := e.Network()
	if err != nil {
		return nil, err
	}
	m, err := nn.New(c, 0)
	if err != nil {
		return nil, err
	}
	if _, err := e.Load(m, false, false); err != nil {
		m.Free()
		return nil, err
	}
	return m, nil
}

// Check reports what is wrong with the encoder of a file, without loading it: it is not
// found, it is none of our networks, or its weights are not finite. prefix is that of
// EncoderAt. Call it within torch.Run.
func Check(path, prefix string) error {
	f, err := Open(path, "")
	if err != nil {
		return err
	}
	e, err := f.EncoderAt(prefix, false)
	if err != nil {
		return err
	}
	c, err := e.Network()
	if err != nil {
		return err
	}
	shapes, err := nn.Shapes(c)
	if err != nil {
		return err
	}
	return e.Finite(shapes)
}

// Notes are sentences about where the weights come from, and what of the file was not read.
func (e *Encoder) Notes(f *File) []string {
	notes := []string{"weights: " + e.Mapping()}
	if foreign := f.Tree.Foreign(); len(foreign) > 0 {
		notes = append(notes, fmt.Sprintf("passed over in %s, because it could run code and the weights do not need it: %s",
			f.Path, few(foreign)))
	}
	return notes
}

// Mapping describes which tensors of the file become which of the network.
func (e *Encoder) Mapping() string {
	from := e.Prefix + "*"
	if e.Group != "" {
		from = e.Group + ": " + from
	}
	to, head := "encoder.*", ""
	backbone := 0
	for ours, name := range e.Sources {
		if strings.HasPrefix(ours, "encoder") {
			backbone++
			if strings.HasPrefix(ours, "encoder1.") {
				to = "encoder{1,2}.*"
			}
		} else if head == "" || name < head {
			head = name
		}
	}
	s := fmt.Sprintf("%s → %s (%d tensors, names of %s)", from, to, backbone, e.Dialect)
	if head != "" {
		s += fmt.Sprintf(", %s … → head", head)
	}
	if len(e.Left) > 0 {
		s += ", ignored: " + few(e.Left)
	}
	if len(e.Others) > 0 {
		s += "; also in the file: " + few(e.Others)
	}
	return s
}

// difference is how an encoder differs from a network.
type difference struct {
	missing, other []string // tensors of the network that the file lacks, or has in another shape
	surplus        []string // names in the file of tensors of the backbone that the network lacks
	noHead         []string // tensors of the head that the file lacks
	counters       []string // counters of batch norm that the file lacks, as before PyTorch 0.4.1
}

// compare compares the encoder with a network's tensors. Everything in the backbone must
// be equal but for the counters of batch norm, with strict these too.
func (e *Encoder) compare(shapes []nn.Shape, needHead, strict bool) (d difference) {
	known := map[string]bool{}
	for _, s := range shapes {
		known[s.Name] = true
		t := e.Tensors[s.Name]
		isHead := strings.HasPrefix(s.Name, "head")
		switch {
		case t != nil && slices.Equal(t.Shape, s.Shape):
		case isHead && !needHead && !strict:
			d.noHead = append(d.noHead, s.Name)
		case t != nil:
			d.other = append(d.other, fmt.Sprintf("%s: want %v, got %v", s.Name, s.Shape, t.Shape))
		case strings.HasSuffix(s.Name, "num_batches_tracked") && !strict:
			d.counters = append(d.counters, s.Name)
		default:
			d.missing = append(d.missing, s.Name)
		}
	}
	for ours, name := range e.Sources {
		if strings.HasPrefix(ours, "encoder") && !known[ours] {
			d.surplus = append(d.surplus, name)
		}
	}
	slices.Sort(d.surplus)
	d.surplus = append(d.surplus, e.Unplaced...)
	return d
}

// count returns the number of differences in the backbone.
func (d difference) count() int { return len(d.missing) + len(d.other) + len(d.surplus) }

// String lists the differences that matter.
func (d difference) String() string {
	var parts []string
	for _, p := range []struct {
		names []string
		what  string
	}{
		{d.missing, "missing"}, {d.other, "of another shape"},
		{d.surplus, "in its backbone, but not in this network"},
	} {
		if n := len(p.names); n == 1 {
			parts = append(parts, fmt.Sprintf("1 tensor is %s: %s", p.what, p.names[0]))
		} else if n > 0 {
			parts = append(parts, fmt.Sprintf("%d tensors are %s: %s", n, p.what, alike(p.names)))
		}
	}
	return strings.Join(parts, "; ")
}

// digits finds the numbers in a name.
var digits = regexp.MustCompile(`[0-9]+`)

// alike lists names with those that differ in numbers alone together: "layer1.0.conv1.bias
// and 16 more like it".
func alike(names []string) string {
	var kinds []string
	of := map[string][]string{}
	for _, name := range names {
		kind := digits.ReplaceAllString(name, "#")
		if of[kind] == nil {
			kinds = append(kinds, kind)
		}
		of[kind] = append(of[kind], name)
	}
	var list []string
	for i, kind := range kinds {
		if i == 10 {
			list = append(list, fmt.Sprintf("and %d more kinds", len(kinds)-i))
			break
		}
		s := of[kind][0]
		if n := len(of[kind]) - 1; n > 0 {
			s += fmt.Sprintf(" and %d more like it", n)
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

// shapesOf returns the names and shapes of a network's tensors.
func shapesOf(m *nn.Model) []nn.Shape {
	var shapes []nn.Shape
	for _, s := range m.State {
		shapes = append(shapes, nn.Shape{Name: s.Name, Shape: s.Tensor.Shape()})
	}
	return shapes
}

// Load copies the weights into a network. It returns an error that lists names if the
// backbone is not exactly that of the network, or if needHead is set and the head is
// incomplete; without needHead such a head keeps its initial values. If strict is set,
// every difference is an error. Weights that are NaN or infinite are an error as well.
// notes are sentences for the user. Call it within torch.Run.
func (e *Encoder) Load(to *nn.Model, needHead, strict bool) (notes []string, err error) {
	d := e.compare(shapesOf(to), needHead, strict)
	if d.count() > 0 || (strict && len(e.Left) > 0) {
		return nil, e.mismatch(d)
	}
	if len(d.noHead) > 0 {
		notes = append(notes, fmt.Sprintf("the file has no projection head of this kind (%s), so its weights are random; "+
			"features don't need it", few(d.noHead)))
	}
	if len(d.counters) > 0 {
		notes = append(notes, fmt.Sprintf("the file has no counters of batch norm (%s), like files of PyTorch before 0.4.1",
			few(d.counters)))
	}
	part := nn.State{}
	for _, s := range to.State {
		if !slices.Contains(d.counters, s.Name) && (len(d.noHead) == 0 || !strings.HasPrefix(s.Name, "head")) {
			part = append(part, s)
			if err := e.finite(s.Name); err != nil {
				return nil, err
			}
		}
	}
	return notes, part.LoadTensors(func(name string) ([]int, func() *torch.Tensor, error) {
		t := e.Tensors[name]
		return t.Shape, func() *torch.Tensor { return torch.FromBytes(t.Data, t.Dtype, t.Shape...) }, nil
	})
}

// Finite returns an error that names the first tensor of the network with values that are
// NaN or infinite. shapes are those of the network, in its order.
func (e *Encoder) Finite(shapes []nn.Shape) error {
	for _, s := range shapes {
		if e.Tensors[s.Name] != nil {
			if err := e.finite(s.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Encoder) finite(name string) error {
	return e.Tensors[name].Finite(e.File, e.Sources[name])
}

func (e *Encoder) mismatch(d difference) error {
	parts := d.String()
	if len(e.Left) > 0 {
		if parts != "" {
			parts += "; "
		}
		parts += fmt.Sprintf("%d are not part of the network: %s", len(e.Left), few(e.Left))
	}
	return fmt.Errorf("checkpoint %s: want the weights of this network (was it another architecture, width, stem "+
		"or head?): %s", e.File, parts)
}
