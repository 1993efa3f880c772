package nn

// Shape is the name and shape of a tensor in a state dict.
type Shape struct {
	Name  string
	Shape []int
}

// Shapes returns the state dict of the network that New builds, without drawing
// weights. It helps to find out which network the weights in a file belong to.
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
