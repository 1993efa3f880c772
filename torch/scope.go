package torch

// scope lists the tensors made while it was the current scope.
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
	freeAll(s.tensors)
	current = s.parent
}

// Scoped runs f and then frees every tensor that f made and did not keep, even if f
// panics.
func Scoped(f func()) {
	s := &scope{parent: current}
	current = s
	defer s.close()
	f()
}

// Scoped1 is Scoped for a function that returns a tensor. That tensor moves to the
// enclosing scope.
func Scoped1(f func() *Tensor) *Tensor {
	var t *Tensor
	Scoped(func() { t = f().toParent() })
	return t
}

// ScopedAll is Scoped1 for a function that returns several tensors.
func ScopedAll(f func() []*Tensor) (all []*Tensor) {
	Scoped(func() {
		all = f()
		for _, t := range all {
			t.toParent()
		}
	})
	return all
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
