package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

func (m *machine) byte() (byte, error) {
	b, err := m.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// take returns the next n bytes of the input, without a copy.
func (m *machine) take(n uint64) ([]byte, error) {
	if left := uint64(len(m.data) - m.at); n > left {
		return nil, fmt.Errorf("want %d more bytes, but the file ends after %d", n, left)
	}
	b := m.data[m.at : m.at+int(n)]
	m.at += int(n)
	return b, nil
}

// number reads a little-endian number of n bytes.
func (m *machine) number(size uint64) (uint64, error) {
	b, err := m.take(size)
	var full [8]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint64(full[:]), err
}

// sized reads a length, a number of size bytes, and as many bytes after it.
func (m *machine) sized(size uint64) ([]byte, error) {
	n, err := m.number(size)
	if err != nil {
		return nil, err
	}
	return m.take(n)
}

func (m *machine) line() (string, error) {
	n := bytes.IndexByte(m.data[m.at:], '\n')
	if n < 0 {
		return "", fmt.Errorf("the file ends within a line")
	}
	s := string(m.data[m.at : m.at+n])
	m.at += n + 1
	return s, nil
}

// step runs one instruction. The opcodes are documented in Python's pickletools.
func (m *machine) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		v, err := m.byte()
		if err == nil && v > 5 {
			err = fmt.Errorf("want protocol 5 or below, got %d", v)
		}
		return err
	case 0x95: // FRAME: a length, not needed with the whole file in memory
		_, err := m.take(8)
		return err
	case '(':
		m.marks = append(m.marks, len(m.stack))
	case '0':
		if len(m.marks) > 0 && len(m.stack) == m.floor() {
			_, err := m.popMark()
			return err
		}
		_, err := m.pop()
		return err
	case '1':
		_, err := m.popMark()
		return err
	case '2':
		v, err := m.top()
		m.push(v)
		return err
	case 'p', 'q', 'r', 'g', 'h', 'j', 0x94:
		return m.remember(op)
	case 'N', 0x88, 0x89, 'I', 'J', 'K', 'L', 'M', 'F', 'G', 0x8a, 0x8b:
		return m.scalar(op)
	case 'S', 'T', 'U', 'V', 'X', 0x8c, 0x8d, 'B', 'C', 0x8e, 0x96:
		return m.text(op)
	case '}', ']', ')', 0x8f, 't', 0x85, 0x86, 0x87, 'l', 'd', 0x91:
		return m.collection(op)
	case 'a':
		v, err := m.pop()
		if err != nil {
			return err
		}
		return m.add(v)
	case 's':
		if err := m.tuple(2); err != nil {
			return err
		}
		pair, _ := m.pop()
		return m.set(pair.(Tuple))
	case 'e', 0x90, 'u':
		values, err := m.popMark()
		if err != nil {
			return err
		}
		if op == 'u' {
			return m.set(values)
		}
		return m.add(values...)
	case 'c', 0x93, 'i', 'o', 'R', 0x81, 0x92, 'b', 'P', 'Q':
		return m.object(op)
	default:
		return fmt.Errorf("unknown instruction 0x%02x", op)
	}
	return nil
}

// remember stores the top of the stack in the memo, or pushes a value from the memo.
func (m *machine) remember(op byte) error {
	key := uint64(len(m.memo))
	var err error
	switch op {
	case 'p', 'g':
		var s string
		if s, err = m.line(); err == nil {
			key, err = strconv.ParseUint(s, 10, 31)
		}
	case 'q', 'h':
		key, err = m.number(1)
	case 'r', 'j':
		key, err = m.number(4)
	}
	if err != nil {
		return err
	}
	if op == 'g' || op == 'h' || op == 'j' {
		v, ok := m.memo[int(key)]
		if !ok {
			return fmt.Errorf("the memo has no value %d", key)
		}
		m.push(v)
		return nil
	}
	v, err := m.top()
	m.memo[int(key)] = v
	return err
}

func (m *machine) scalar(op byte) error {
	var n uint64
	var err error
	switch op {
	case 'N':
		m.push(nil)
		return nil
	case 0x88, 0x89:
		m.push(op == 0x88)
		return nil
	case 'J':
		n, err = m.number(4)
		m.push(int(int32(n)))
	case 'K':
		n, err = m.number(1)
		m.push(int(n))
	case 'M':
		n, err = m.number(2)
		m.push(int(n))
	case 'G':
		var b []byte
		if b, err = m.take(8); err == nil {
			m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
	case 0x8a, 0x8b:
		var b []byte
		if b, err = m.sized(map[byte]uint64{0x8a: 1, 0x8b: 4}[op]); err == nil {
			var v any
			v, err = long(b)
			m.push(v)
		}
	default: // I, L, F: a line of text
		var s string
		if s, err = m.line(); err == nil {
			var v any
			v, err = parse(op, s)
			m.push(v)
		}
	}
	return err
}

func parse(op byte, s string) (any, error) {
	switch {
	case op == 'F':
		return strconv.ParseFloat(s, 64)
	case op == 'I' && (s == "00" || s == "01"):
		return s == "01", nil
	case op == 'L' && len(s) > 0 && s[len(s)-1] == 'L':
		s = s[:len(s)-1]
	}
	if n, err := strconv.Atoi(s); err == nil {
		return n, nil
	}
	if n, ok := new(big.Int).SetString(s, 10); ok && len(s) < 2500 {
		return n, nil
	}
	return nil, fmt.Errorf("want an integer, got %.40q", s)
}

// long reads a little-endian number in two's complement. PyTorch's older format starts
// with one of 80 bits.
func long(b []byte) (any, error) {
	if len(b) > 1024 {
		return nil, fmt.Errorf("an integer of %d bytes", len(b))
	}
	if len(b) <= 8 {
		var full [8]byte
		if len(b) > 0 && b[len(b)-1] >= 0x80 {
			full = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
		}
		copy(full[:], b)
		return int(binary.LittleEndian.Uint64(full[:])), nil
	}
	reversed := make([]byte, len(b))
	for i, v := range b {
		reversed[len(b)-1-i] = v
	}
	n := new(big.Int).SetBytes(reversed)
	if b[len(b)-1] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n, nil
}

func (m *machine) collection(op byte) error {
	switch op {
	case '}':
		m.push(&Dict{})
	case ']', 0x8f:
		m.push(&List{})
	case ')':
		m.push(Tuple{})
	case 0x85, 0x86, 0x87:
		return m.tuple(int(op - 0x84))
	default: // t, l, d, 0x91 FROZENSET: the values above the mark
		values, err := m.popMark()
		if err != nil {
			return err
		}
		switch op {
		case 't':
			m.push(Tuple(values))
		case 'd':
			d := &Dict{}
			m.push(d)
			return d.put(values)
		default:
			m.push(&List{values})
		}
	}
	return nil
}

// object pushes classes, objects and persistent references.
func (m *machine) object(op byte) error {
	switch op {
	case 'c', 'i':
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		if op == 'c' {
			return m.class(module, name)
		}
		args, err := m.popMark()
		if err == nil {
			err = m.class(module, name)
		}
		if err != nil {
			return err
		}
		class, _ := m.pop()
		return m.call(class, Tuple(args))
	case 'o':
		values, err := m.popMark()
		if err != nil || len(values) == 0 {
			return fmt.Errorf("an object without a class")
		}
		return m.call(values[0], Tuple(values[1:]))
	case 'b':
		return m.build()
	case 'P':
		id, err := m.line()
		m.push(Persistent{id})
		return err
	case 'Q':
		id, err := m.pop()
		m.push(Persistent{id})
		return err
	case 0x92: // NEWOBJ_EX: keyword arguments, which are not kept
		kw, err := m.pop()
		if d, ok := kw.(*Dict); err != nil || !ok {
			return fmt.Errorf("want a dictionary of keyword arguments, got a %T", kw)
		} else if len(d.Items) > 0 {
			return m.keywords()
		}
	}
	// 0x93 STACK_GLOBAL, R REDUCE, 0x81 NEWOBJ: two values from the stack.
	second, err := m.pop()
	if err != nil {
		return err
	}
	first, err := m.pop()
	if err != nil {
		return err
	}
	if op == 0x93 {
		return m.class(first, second)
	}
	return m.call(first, second)
}

// keywords pushes the object of a call with keyword arguments. Its class says so, since
// the arguments that are kept are not all.
func (m *machine) keywords() error {
	if err := m.tuple(2); err != nil {
		return err
	}
	pair, _ := m.pop()
	class, args := pair.(Tuple)[0], pair.(Tuple)[1]
	if err := m.call(class, args); err != nil {
		return err
	}
	m.stack[len(m.stack)-1].(*Object).Class += " with keyword arguments"
	return nil
}
