package nn

// Shape is a name of a state dict and the shape of its tensor.
type Shape struct {
	Name  string
	Shape []int
}

// Shapes lists the state dict of the network that New builds, without drawing weights:
// for telling which network a file's weights belong to.
func Shapes(c Config) (shapes []Shape, err error) {
	m, err := build(c, nil)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	for _, e := range m.State {
		shapes = append(shapes, Shape{e.Name, e.Tensor.Shape()})
	}
	return shapes, nil
}
