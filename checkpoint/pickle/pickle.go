// Package pickle reads Python's pickles, protocols 0 to 5, as pure data. A class in a
// pickle is only a name, which must be allowed; calling it makes an *Object that keeps the
// name and the arguments. Nothing is imported or run, so a malicious file can cause
// nothing but an error.
//
// Values are nil, bool, int, *big.Int, float64, string, []byte, *List, Tuple, *Dict,
// *Object, Class and Persistent. Byte strings share the memory of the input.
package pickle

import "fmt"

// List is a Python list or set.
type List struct{ Items []any }

// Tuple is a Python tuple.
type Tuple []any

// Item is an entry of a dictionary.
type Item struct{ Key, Value any }

// Dict is a Python dict in the order of insertion. A key that was set twice is there
// twice; the last one counts.
type Dict struct{ Items []Item }

// Class is the name of a class or function, "module.name".
type Class string

// Object is the result of calling a class: the arguments, the state that was set
// afterwards, and the entries and elements that were added.
type Object struct {
	Class Class
	Args  Tuple
	State any
	Dict
	List
}

// Persistent refers to something outside the pickle, such as a tensor's storage.
type Persistent struct{ ID any }

// maxSteps bounds the work of a pickle and, at about 100 bytes per step, the memory that
// it takes beyond its own size. A ResNet-152 with its optimizer takes 60,000 steps; a list
// of a number takes one step per number.
const maxSteps = 32_000_000

// Load reads one pickle from the start of data and returns its value and its size in
// bytes. allowed reports whether a class may occur; nil allows the names of all classes.
// The error is a *ClassError if one may not.
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

// popMark removes and returns everything above the last mark.
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

// tuple replaces the top n values by a tuple.
func (m *machine) tuple(n int) error {
	if len(m.stack)-n < m.floor() {
		return fmt.Errorf("the stack is empty")
	}
	t := append(Tuple(nil), m.stack[len(m.stack)-n:]...)
	m.stack = append(m.stack[:len(m.stack)-n], t)
	return nil
}

// call pushes the object of a call. What is called may be the result of another call, such
// as a bound method, or a class that the file refers to from outside the pickle.
func (m *machine) call(class, args any) error {
	c, ok := class.(Class)
	switch callee := class.(type) {
	case *Object:
		c, ok = "result of "+callee.Class, true
	case Persistent:
		if id, _ := callee.ID.(Tuple); len(id) > 1 {
			c, ok = id[1].(Class)
		}
	}
	if !ok {
		return fmt.Errorf("want a class to call, got a %T", class)
	}
	a, ok := args.(Tuple)
	if !ok {
		return fmt.Errorf("want a tuple of arguments for %s, got a %T", c, args)
	}
	m.push(&Object{Class: c, Args: a})
	return nil
}

func (m *machine) class(module, name any) error {
	mod, ok1 := module.(string)
	n, ok2 := name.(string)
	if !ok1 || !ok2 {
		return fmt.Errorf("want the names of a module and a class, got a %T and a %T", module, name)
	}
	c := Class(mod + "." + n)
	if m.allowed != nil && !m.allowed(c) {
		return &ClassError{c}
	}
	m.push(c)
	return nil
}

// ClassError is the error for a class that is not allowed.
type ClassError struct{ Class Class }

func (e *ClassError) Error() string {
	return fmt.Sprintf("the class %.100q is refused: it is not known to hold plain data, and could run code",
		string(e.Class))
}

// add adds elements to the list, or list-like object, on top of the stack.
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
		return fmt.Errorf("want a list to add elements to, got a %T", top)
	}
	return nil
}

// set adds entries to the dictionary, or dictionary-like object, on top of the stack.
// values alternate between keys and values.
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
		return fmt.Errorf("want a dictionary to add entries to, got a %T", top)
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

// build pops a state and sets it on the object below.
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
		return fmt.Errorf("want an object to set the state of, got a %T", top)
	}
	o.State = state
	return nil
}
