package nn

import "contralens/torch"

// Shape is a name of a state dict and the shape of its tensor.
type Shape struct {
	Name  string
	Shape []int
}

// Shapes lists the state dict of the network that New builds, without drawing
// weights: for telling what network a file's weights are of.
func Shapes(c Config) (shapes []Shape, err error) {
	c = c.withDefaults()
	arch, width, err := ParseArch(c.Arch)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c}
	torch.Scoped(func() { err = m.build(builder{state: &m.State, train: &m.train, shapesOnly: true}, arch, width) })
	defer m.Free()
	for _, e := range m.State {
		shapes = append(shapes, Shape{e.Name, e.Tensor.Shape()})
	}
	return shapes, err
}
