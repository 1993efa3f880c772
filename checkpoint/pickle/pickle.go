// Package pickle reads Python's pickles, protocols 0 to 5, as data alone. A
// class in a pickle is a name that must be on a list; calling it makes an
// *Object that remembers the name and the arguments. Nothing is looked up,
// imported or run, so that the worst a hostile file can do is be refused.
//
// Values are nil, bool, int, *big.Int, float64, string, []byte, *List, Tuple,
// *Dict, *Object, Class and Persistent. Byte strings share the input's memory.
package pickle

import "fmt"

// List is a Python list or set.
type List struct{ Items []any }

// Tuple is a Python tuple.
type Tuple []any

// Item is an entry of a dictionary.
type Item struct{ Key, Value any }

// Dict is a Python dict in the order of insertion. A key that was set twice is listed
// twice; the last one counts.
type Dict struct{ Items []Item }

// Class is a class or function by its name, "module.name".
type Class string

// Object is the result of calling a class: its arguments, the state that was set
// afterwards, and the entries and elements that were added to it.
type Object struct {
	Class Class
	Args  Tuple
	State any
	Dict
	List
}

// Persistent refers to something outside the pickle, such as a tensor's storage.
type Persistent struct{ ID any }

// maxSteps bounds the work and, at about 100 bytes per step, the memory that a pickle
// can ask for beyond its own size. A ResNet-152 with its optimizer takes 60,000 steps.
const maxSteps = 4_000_000

// Load reads one pickle from the start of data and returns how many bytes it
// took. allowed reports whether a class may be named.
func Load(data []byte, allowed func(Class) bool) (value any, size int, err error) {
	m := &machine{data: data, allowed: allowed, memo: map[int]any{}}
	for range maxSteps {
		start := m.at
		op, err := m.byte()
		if err != nil {
			return nil, 0, err
		}
		if op == '.' {
			value, err = m.pop()
			return value, m.at, err
		}
		if err := m.step(op); err != nil {
			return nil, 0, fmt.Errorf("pickle, byte %d: %w", start, err)
		}
	}
	return nil, 0, fmt.Errorf("pickle: more than %d steps", maxSteps)
}

// machine is the stack machine that runs a pickle.
type machine struct {
	data    []byte
	at      int
	stack   []any
	marks   []int // heights of the stack
	memo    map[int]any
	allowed func(Class) bool
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// floor is the height below which the stack belongs to another collection.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, fmt.Errorf("the stack is empty")
	}
	return m.stack[len(m.stack)-1], nil
}

func (m *machine) pop() (any, error) {
	v, err := m.top()
	if err == nil {
		m.stack = m.stack[:len(m.stack)-1]
	}
	return v, err
}

// popMark takes everything down to the last mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, fmt.Errorf("no mark on the stack")
	}
	floor := m.floor()
	m.marks = m.marks[:len(m.marks)-1]
	values := append([]any(nil), m.stack[floor:]...)
	m.stack = m.stack[:floor]
	return values, nil
}

// tuple replaces the top n values by a tuple of them.
func (m *machine) tuple(n int) error {
	if len(m.stack)-n < m.floor() {
		return fmt.Errorf("the stack is empty")
	}
	t := append(Tuple(nil), m.stack[len(m.stack)-n:]...)
	m.stack = append(m.stack[:len(m.stack)-n], t)
	return nil
}

// call makes the object that class and arguments describe.
func (m *machine) call(class, args any) error {
	c, ok := class.(Class)
	if !ok {
		return fmt.Errorf("a %T is called", class)
	}
	a, ok := args.(Tuple)
	if !ok {
		return fmt.Errorf("%s is called with a %T", c, args)
	}
	m.push(&Object{Class: c, Args: a})
	return nil
}

func (m *machine) class(module, name any) error {
	mod, ok1 := module.(string)
	n, ok2 := name.(string)
	if !ok1 || !ok2 {
		return fmt.Errorf("a class is named by a %T and a %T", module, name)
	}
	c := Class(mod + "." + n)
	if !m.allowed(c) {
		return &ClassError{c}
	}
	m.push(c)
	return nil
}

// ClassError is the error of a class that is not on the list.
type ClassError struct{ Class Class }

func (e *ClassError) Error() string {
	return fmt.Sprintf("the class %.100q is refused: it is not one of those that hold plain data, and could run code",
		string(e.Class))
}

// add puts elements into the list, or the list-like object, on top.
func (m *machine) add(values ...any) error {
	top, err := m.top()
	if err != nil {
		return err
	}
	switch l := top.(type) {
	case *List:
		l.Items = append(l.Items, values...)
	case *Object:
		l.List.Items = append(l.List.Items, values...)
	default:
		return fmt.Errorf("elements are put into a %T", top)
	}
	return nil
}

// set puts entries, keys and values in turn, into the dictionary on top.
func (m *machine) set(values []any) error {
	top, err := m.top()
	if err != nil {
		return err
	}
	var d *Dict
	switch t := top.(type) {
	case *Dict:
		d = t
	case *Object:
		d = &t.Dict
	default:
		return fmt.Errorf("entries are put into a %T", top)
	}
	return d.put(values)
}

func (d *Dict) put(values []any) error {
	if len(values)%2 != 0 {
		return fmt.Errorf("a key without a value")
	}
	for i := 0; i < len(values); i += 2 {
		d.Items = append(d.Items, Item{values[i], values[i+1]})
	}
	return nil
}

// build sets the state of the object on top.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	top, err := m.top()
	if err != nil {
		return err
	}
	o, ok := top.(*Object)
	if !ok {
		return fmt.Errorf("the state of a %T is set", top)
	}
	o.State = state
	return nil
}
