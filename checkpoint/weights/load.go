package weights

import (
	"fmt"
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

// Load copies the weights into a network. It returns an error that lists names if the
// backbone is incomplete, or if needHead is set and the head is incomplete; without
// needHead such a head keeps its initial values. If strict is set, every difference is an
// error. notes are sentences for the user. Call it within torch.Run.
func (e *Encoder) Load(to *nn.Model, needHead, strict bool) (notes []string, err error) {
	var missing, other, noHead, counters []string
	for _, s := range to.State {
		t := e.Tensors[s.Name]
		want := s.Tensor.Shape()
		isHead := strings.HasPrefix(s.Name, "head")
		switch {
		case t != nil && slices.Equal(t.Shape, want):
		case isHead && !needHead && !strict:
			noHead = append(noHead, s.Name)
		case t != nil:
			other = append(other, fmt.Sprintf("%s: want %v, got %v", s.Name, want, t.Shape))
		case strings.HasSuffix(s.Name, "num_batches_tracked") && !strict:
			counters = append(counters, s.Name)
		default:
			missing = append(missing, s.Name)
		}
	}
	if len(missing)+len(other) > 0 || (strict && len(e.Left) > 0) {
		return nil, e.mismatch(missing, other)
	}
	if len(noHead) > 0 {
		notes = append(notes, fmt.Sprintf("the file has no projection head of this kind (%s), so its weights are random; "+
			"features don't need it", few(noHead)))
	}
	if len(counters) > 0 {
		notes = append(notes, fmt.Sprintf("the file has no counters of batch norm (%s), like files of PyTorch before 0.4.1",
			few(counters)))
	}
	part := nn.State{}
	for _, s := range to.State {
		if !slices.Contains(counters, s.Name) && (len(noHead) == 0 || !strings.HasPrefix(s.Name, "head")) {
			part = append(part, s)
		}
	}
	return notes, part.LoadTensors(func(name string) ([]int, func() *torch.Tensor, error) {
		t := e.Tensors[name]
		return t.Shape, func() *torch.Tensor { return torch.FromBytes(t.Data, t.Dtype, t.Shape...) }, nil
	})
}

func (e *Encoder) mismatch(missing, other []string) error {
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, fmt.Sprintf("%d tensors are missing: %s", len(missing), few(missing)))
	}
	if len(other) > 0 {
		parts = append(parts, fmt.Sprintf("%d have another shape: %s", len(other), few(other)))
	}
	if len(e.Left) > 0 {
		parts = append(parts, fmt.Sprintf("%d are not part of the network: %s", len(e.Left), few(e.Left)))
	}
	return fmt.Errorf("checkpoint %s: want the weights of this network (was it another architecture, width, stem "+
		"or head?): %s", e.File, strings.Join(parts, "; "))
}
