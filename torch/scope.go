package torch

// scope remembers the tensors made while it is the current one.
type scope struct {
	parent  *scope
	tensors []*Tensor
}

var current *scope

func (s *scope) release(t *Tensor) {
	for i := len(s.tensors) - 1; i >= 0; i-- {
		if s.tensors[i] == t {
			s.tensors = append(s.tensors[:i], s.tensors[i+1:]...)
			break
		}
	}
	t.scope = nil
}

func (s *scope) close() {
	for _, t := range s.tensors {
		t.Free()
	}
	current = s.parent
}

// Scoped runs f and frees every tensor that was made in it and not kept, also
// when f panics.
func Scoped(f func()) {
	s := &scope{parent: current}
	current = s
	defer s.close()
	f()
}

// Scoped1 is Scoped for a function with a result, which moves to the enclosing
// scope.
func Scoped1(f func() *Tensor) *Tensor {
	var t *Tensor
	Scoped(func() { t = f().toParent() })
	return t
}

// toParent moves t to the scope around its own.
func (t *Tensor) toParent() *Tensor {
	s := t.scope
	if s == nil || s != current {
		return t
	}
	s.release(t)
	if s.parent != nil {
		t.scope = s.parent
		s.parent.tensors = append(s.parent.tensors, t)
	}
	return t
}
